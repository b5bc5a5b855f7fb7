"""Counts operations of a file system, and how many of them there are at once."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class OperationCounter:
    """Mixin of file systems that count their operations by kind; it is thread-safe."""

    def count_operations(self, *, seconds: float) -> None:
        """Begin to count; call it in the constructor.

        :param seconds: How long each operation takes.
        """
        self.seconds = seconds
        self._now = 0
        self._counting = threading.Lock()
        self.forget()

    @contextmanager
    def counted(self, kind: str) -> Iterator[None]:
        """Count the block as an operation."""
        with self._counting:
            self.operations[kind] += 1
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        if self.seconds:
            time.sleep(self.seconds)
        try:
            yield
        finally:
            with self._counting:
                self._now -= 1

    def forget(self) -> None:
        """Count from zero again."""
        self.operations = Counter[str]()
        """Number of operations by kind."""
        self.most_at_once = 0
