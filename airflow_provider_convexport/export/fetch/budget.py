"""The budget of requests of an account: never more than the vendor's limit in any moving period."""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_convexport.export.fetch.budget_storage import memory_counter
from airflow_provider_convexport.export.fetch.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_convexport.export.fetch.budget_storage import Counter, CounterFactory
    from airflow_provider_convexport.export.fetch.limit import Limit


log = logging.getLogger(__name__)

_LOGGED_WAIT = 5.0
"""Waits longer than this number of seconds are logged."""


class BudgetExhaustedError(Exception):
    """The next request is allowed only after more than the caller's ``max_wait``.

    :param seconds: Seconds from now until the next request may be allowed.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"The budget allows no request for {seconds:.0f} seconds.")
        self.seconds = seconds


@dataclass(slots=True)
class Budget:
    """Grants permits, one for each request, to any number of threads.

    :param account: What the vendor counts requests by (key, shop, instance), as a name without a secret.
    :param limits: The vendor's limits.
    :param counter: Creates the counter for a name; it may be shared between processes or machines.
    :param sleep: Sleeps for some seconds.
    :param clock: Returns the seconds of a monotonic clock.
    """

    account: str
    limits: tuple[Limit, ...]
    counter: CounterFactory = memory_counter
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _by_name: dict[str, Counter] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _paused_until: float = 0.0
    _pid: int = field(default_factory=os.getpid)
    _turns: Turns = field(default_factory=Turns)

    def acquire(
        self,
        endpoint: str,
        *,
        max_wait: float = float("inf"),
        ready: Callable[[], None] = lambda: None,
        sleep: Callable[[float], None] | None = None,
    ) -> float:
        """Wait until one more request to ``endpoint`` is allowed, and return the seconds waited.

        The request must be sent at once: nothing is waited for after the permits have been taken, neither
        another limit nor a pause, because an earlier permit would become too old. Of the threads that wait
        for the same endpoint, only the first asks and sleeps; the others follow in the order of their calls.

        :param endpoint: Path of the endpoint.
        :param max_wait: Maximum wait in seconds.
        :param ready: Called right before each attempt to take the permits; prepares the sending.
        :param sleep: Sleeps for some seconds, instead of the budget's own; may raise to end the wait.
        :raises BudgetExhaustedError: if a single wait would be longer.
        """
        sleep = sleep or self.sleep
        with self._turns.turn(endpoint, lambda: sleep(0)) as waited:
            return waited + self._acquire(endpoint, max_wait, ready, sleep)

    def _acquire(
        self, endpoint: str, max_wait: float, ready: Callable[[], None], sleep: Callable[[float], None]
    ) -> float:
        waited = 0.0
        while True:
            wait = self._paused_until - self.clock()
            if wait <= 0:
                ready()
                wait = self._take(endpoint)
            if wait <= 0:
                return waited
            start = self.clock()
            self._wait(wait, max_wait, sleep)
            waited += self.clock() - start

    def pause(self, seconds: float) -> None:
        """Send no request through this object for some seconds, because the vendor asked for a pause."""
        with self._own_lock():
            self._paused_until = max(self._paused_until, self.clock() + seconds)

    def _wait(self, seconds: float, max_wait: float, sleep: Callable[[float], None]) -> None:
        if seconds > max_wait:
            raise BudgetExhaustedError(seconds)
        if seconds > _LOGGED_WAIT:
            log.info(
                "Waiting %.0f s, because the vendor's rate limit is reached or it asked for a pause.", seconds
            )
        sleep(seconds)

    def _counters(self, endpoint: str) -> list[tuple[str, tuple[Limit, ...]]]:
        shared = tuple(limit for limit in self.limits if not limit.per_endpoint)
        own = tuple(limit for limit in self.limits if limit.per_endpoint)
        counters = [(self.account, shared), (f"{self.account}:{endpoint}", own)]
        return [(name, limits) for name, limits in counters if limits]

    def _take(self, endpoint: str) -> float:
        """Take a permit of each counter and return 0, or take none and return the seconds to wait."""
        with self._own_lock():
            wait = self._paused_until - self.clock()
            if wait > 0:
                return wait
            taken: list[Counter] = []
            for name, limits in self._counters(endpoint):
                counter = self._counter(name, limits)
                wait = counter.take()
                if wait > 0:
                    for other in taken:
                        other.give_back()
                    return wait
                taken.append(counter)
            return 0.0

    def _own_lock(self) -> threading.Lock:
        """Return the lock; a new one in a forked process, where the thread that held it may not exist."""
        if self._pid != os.getpid():
            self._lock, self._pid = threading.Lock(), os.getpid()
        return self._lock

    def _counter(self, name: str, limits: tuple[Limit, ...]) -> Counter:
        if name not in self._by_name:
            self._by_name[name] = self.counter(name, limits)
        return self._by_name[name]
