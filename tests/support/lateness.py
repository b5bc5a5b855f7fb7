"""How late threads wake because the machine is busy, so that tests of time need not assume an idle one."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.support.tls_server import most_in_any

ON_TIME = 0.02
"""Seconds by which a server may notice a request late: the part of the budget's margin for the network."""


@dataclass
class Lateness:
    """Seconds by which a thread woke late: the sum, the number of times, and the most."""

    total: float = 0.0
    count: int = 0
    worst: float = 0.0

    @property
    def mean(self) -> float:
        return self.total / max(self.count, 1)

    def add(self, planned: float, woken: float) -> None:
        self.total, self.count = self.total + woken - planned, self.count + 1
        self.worst = max(self.worst, woken - planned)

    def usable(self, period: float) -> float:
        """Return the fraction of a limit of some seconds that can be used if each of its periods is late."""
        return period / (period + self.mean)

    def is_exceeded(self, period: float, allowed: int, moments: list[float]) -> bool:
        """Return whether more than ``allowed`` requests arrived in some moving period, without doubt.

        If its threads wake late, a server notices late what may have arrived before; a shorter
        period counts then. On a machine that is not overloaded, it is the whole one.
        """
        return most_in_any(period - max(0.0, self.worst - ON_TIME), moments) > allowed


@contextmanager
def measured_lateness() -> Iterator[Lateness]:
    """Measure in a thread of this process, which should be the server's."""
    lateness, ended = Lateness(), threading.Event()

    def measure() -> None:
        while True:
            planned = time.monotonic() + 0.02
            if ended.wait(0.02):
                return
            lateness.add(planned, time.monotonic())

    thread = threading.Thread(target=measure, daemon=True)
    thread.start()
    try:
        yield lateness
    finally:
        ended.set()
        thread.join()


def ask_for_priority() -> None:
    """Let this process and its children run before others, if it may."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)
