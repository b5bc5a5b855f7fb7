"""How long threads waited for one cause, by the clock: seconds in which several waited count once."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Waiting:
    """Measures the time in which at least one thread waits; it is thread-safe.

    :param clock: Returns the seconds of a monotonic clock.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._threads = 0
        self._since = 0.0
        self._ended = 0.0

    @property
    def seconds(self) -> float:
        """Seconds in which at least one thread waited, until now; never more than have passed."""
        with self._lock:
            return self._ended + (self._clock() - self._since if self._threads else 0.0)

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        """Count the block as a wait of this thread, however it ends."""
        with self._lock:
            if not self._threads:
                self._since = self._clock()
            self._threads += 1
        try:
            yield
        finally:
            with self._lock:
                self._threads -= 1
                if not self._threads:
                    self._ended += self._clock() - self._since
