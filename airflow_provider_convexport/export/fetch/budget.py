"""One budget of requests per key: never more than the vendor's limit in any moving window."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_convexport.export.fetch.budget_storage import memory_counter

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_convexport.export.fetch.budget_storage import Counter, CounterFactory
    from airflow_provider_convexport.export.fetch.limit import Limit


log = logging.getLogger(__name__)

_WORTH_A_LINE = 5.0
"""Seconds of waiting from which on the log says so."""


class BudgetExhaustedError(Exception):
    """Nothing may be sent for longer than the caller is ready to wait.

    :param seconds: How long from now.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"The budget is used up for {seconds:.0f} seconds.")
        self.seconds = seconds


@dataclass(slots=True)
class Budget:
    """Hands out permission to send, one request at a time, to any number of threads.

    :param account: What the vendor counts by (key, shop, instance), as a name that holds no secret.
    :param limits: The vendor's limits.
    :param counter: Makes the counter behind a name; shared by processes or machines as it likes.
    :param sleep: Sleeps for some seconds.
    :param clock: Returns the seconds of a monotonic clock.
    """

    account: str
    limits: tuple[Limit, ...]
    counter: CounterFactory = memory_counter
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _taken_from: dict[str, Counter] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _paused_until: float = 0.0

    def acquire(self, endpoint: str, *, max_wait: float = float("inf")) -> float:
        """Wait until one more request to ``endpoint`` is allowed, and return the seconds waited.

        The longest limit is asked first, so that a permission of a short one is used at once.

        :param endpoint: Path of the endpoint.
        :param max_wait: Longest wait in seconds.
        :raises BudgetExhaustedError: if it would take longer.
        """
        begun = self.clock()
        for name, limits in self._counters(endpoint):
            self._wait_for_pause(max_wait)
            while (wait := self._take(name, limits)) > 0:
                self._wait(wait, max_wait)
                self._wait_for_pause(max_wait)
        self._wait_for_pause(max_wait)
        return self.clock() - begun

    def pause(self, seconds: float) -> None:
        """Let nobody who shares this object send for some seconds: the vendor asked for it."""
        with self._lock:
            self._paused_until = max(self._paused_until, self.clock() + seconds)

    def _wait_for_pause(self, max_wait: float) -> None:
        while (wait := self._paused_until - self.clock()) > 0:
            self._wait(wait, max_wait)

    def _wait(self, seconds: float, max_wait: float) -> None:
        if seconds > max_wait:
            raise BudgetExhaustedError(seconds)
        if seconds > _WORTH_A_LINE:
            log.info("Waiting %.0f s: the vendor's limit is used up, or it asked for a pause.", seconds)
        self.sleep(seconds)

    def _counters(self, endpoint: str) -> list[tuple[str, tuple[Limit, ...]]]:
        shared = tuple(limit for limit in self.limits if not limit.per_endpoint)
        own = tuple(limit for limit in self.limits if limit.per_endpoint)
        counters = [(self.account, shared), (f"{self.account}:{endpoint}", own)]
        return [(name, limits) for name, limits in counters if limits]

    def _take(self, name: str, limits: tuple[Limit, ...]) -> float:
        """Take one permission and return 0, or return the seconds until there may be one."""
        with self._lock:
            if name not in self._taken_from:
                self._taken_from[name] = self.counter(name, limits)
            return self._taken_from[name].take()
