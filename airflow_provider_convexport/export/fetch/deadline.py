"""Deadlines that are set and lifted for each answer, at the cost of a lock each time."""

from __future__ import annotations

import threading
import time
from typing import Protocol

_EVERY = 1.0
"""Seconds from one look at the deadlines to the next."""


class Late(Protocol):
    """What misses a deadline; compared by identity."""

    def begin(self) -> None:
        """Take note that the deadline has passed."""
        ...


class Deadlines:
    """Tells each `Late` object when its deadline passes.

    A `threading.Timer` for each answer would cost a fifth of the CPU time of an export. One thread is enough:
    it looks about once a second whether a deadline has passed, and ends when none was set for so long.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._moments: dict[Late, float] = {}
        self._thread: threading.Thread | None = None
        self._looks_at = 0.0
        self._is_idle = True

    def set(self, late: Late, seconds: float) -> None:
        """Let the deadline of an object be some seconds from now, in place of an earlier one."""
        with self._changed:
            self._moments[late] = moment = time.monotonic() + seconds
            self._is_idle = False
            if self._thread is None:
                self._looks_at = moment
                # A daemon, which never keeps a task from ending.
                self._thread = threading.Thread(target=self._watch, name="convexport_deadlines", daemon=True)
                self._thread.start()
            elif moment < self._looks_at:
                self._changed.notify()

    def lift(self, late: Late) -> None:
        """Let an object have no deadline; when this returns, it is not told any more."""
        with self._changed:
            self._moments.pop(late, None)

    def end(self) -> None:
        """Lift all deadlines, and let the thread end."""
        with self._changed:
            self._moments.clear()
            self._is_idle = True
            self._changed.notify()

    def close(self) -> None:
        """Do the same, and wait for the thread, which ends at once."""
        with self._changed:
            thread = self._thread
            self.end()
        if thread is not None:
            thread.join()

    def _watch(self) -> None:
        with self._changed:
            while self._moments or not self._is_idle:
                now, self._is_idle = time.monotonic(), True
                for late in [each for each, moment in self._moments.items() if moment <= now]:
                    del self._moments[late]
                    late.begin()
                self._looks_at = min([now + _EVERY, *self._moments.values()])
                self._changed.wait(self._looks_at - now)
            self._thread = None
