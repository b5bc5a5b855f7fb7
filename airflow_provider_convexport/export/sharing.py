"""What threads share that work side by side: memory, and checks."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Allowance:
    """Bytes that several threads may have in memory together.

    :param total: Number of bytes; a thread that needs more has all of them.
    """

    def __init__(self, total: int) -> None:
        self._total = self._free = total
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def held(self, wanted: int) -> Iterator[None]:
        """Wait for so many bytes and hold them during the block."""
        wanted = min(wanted, self._total)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= wanted)
            self._free -= wanted
        try:
            yield
        finally:
            with self._changed:
                self._free += wanted
                self._changed.notify_all()


class SharedCheck:
    """A check that is made once for all threads that ask for it while the one before is being made.

    Whoever asks gets the answer of a check that began after asking.

    :param check: Raises an error if something does not hold.
    """

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._changed = threading.Condition()
        self._begun = self._held = 0
        self._is_running = False

    def __call__(self) -> None:
        """Check, or wait for a check that somebody else makes.

        :raises Exception: whatever the check raises.
        """
        with self._changed:
            wanted = self._begun + 1
            self._changed.wait_for(lambda: self._held >= wanted or not self._is_running)
            if self._held >= wanted:
                return
            self._is_running = True
            self._begun += 1
            number = self._begun
        held = False
        try:
            self._check()
            held = True
        finally:
            with self._changed:
                self._is_running = False
                self._held = number if held else self._held
                self._changed.notify_all()
