"""The budget of requests of an account: never more than the vendor's limit in any moving period."""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.export.fetch.budget_storage import memory_counter, tolerance_of
from airflow_provider_convexport.export.fetch.foresight import Foresight
from airflow_provider_convexport.export.fetch.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_convexport.export.fetch.budget_storage import Counter, CounterFactory
    from airflow_provider_convexport.export.fetch.limit import Limit


log = logging.getLogger(__name__)

_LOGGED_WAIT = 5.0
"""Waits longer than this number of seconds are logged."""

_RETRY_AFTER = 0.001
"""Seconds after which to ask again after a stale permit was returned."""


class BudgetExhaustedError(Exception):
    """The next request is allowed only after more than the caller's ``max_wait``.

    :param seconds: Seconds from now until the next request may be allowed.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"The budget allows no request for {seconds:.0f} seconds.")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Grant:
    """Permission to send one request, at once.

    :param budget: The budget that granted it.
    :param counted: When the request was counted, or a little earlier, on the budget's clock.
    :param permits: The counters that counted it, each with its name of the request.
    :param waited: Seconds waited for it.
    """

    budget: Budget
    counted: float
    permits: tuple[tuple[Counter, Any], ...]
    waited: float = 0.0

    def is_fresh(self) -> bool:
        """Return whether a request that is written now arrives within the tolerance of the budget."""
        return self.budget.clock() - self.counted <= self.budget.tolerance

    def written(self) -> None:
        """Count the request as sent now if its writing ended late; to be called right after it.

        The processor may have been busy with something else for any time between the permit and the end of
        the writing. Without this, the request would leave the moving period before it does at the vendor.
        """
        if not self.is_fresh():
            self.budget.count_as_sent_now(self)


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
    _foresight: Foresight = field(default_factory=Foresight)

    def grant(
        self,
        endpoint: str,
        *,
        max_wait: float = float("inf"),
        ready: Callable[[], None] = lambda: None,
        sleep: Callable[[float], None] | None = None,
    ) -> Grant:
        """Wait until one more request to ``endpoint`` is allowed.

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
            grant = self._grant(endpoint, max_wait, ready, sleep)
        return replace(grant, waited=waited + grant.waited)

    def _grant(
        self, endpoint: str, max_wait: float, ready: Callable[[], None], sleep: Callable[[float], None]
    ) -> Grant:
        waited = 0.0
        while True:
            wait, preparation = self._paused_until - self.clock(), 0.0
            if wait <= 0:
                start = self.clock()
                ready()
                preparation = self.clock() - start
                taken = self._take(endpoint)
                if isinstance(taken, Grant):
                    return replace(taken, waited=waited)
                wait = taken
            start = self.clock()
            # A connection that is closed meanwhile can then be replaced by the time the request is allowed.
            self._wait(wait, max_wait, sleep, early=preparation)
            waited += self.clock() - start

    def pause(self, seconds: float) -> None:
        """Send no request through this object for some seconds, because the vendor asked for a pause."""
        with self._own_lock():
            self._paused_until = max(self._paused_until, self.clock() + seconds)

    @property
    def tolerance(self) -> float:
        """Seconds within which a request must be written after it was counted."""
        return tolerance_of(self.limits)

    def count_as_sent_now(self, grant: Grant) -> None:
        """Move the count of a request, which was written late, to the current time."""
        with self._own_lock():
            for counter, name in grant.permits:
                counter.postpone(name)

    def _wait(self, seconds: float, max_wait: float, sleep: Callable[[float], None], *, early: float) -> None:
        if seconds > max_wait:
            raise BudgetExhaustedError(seconds)
        if seconds > _LOGGED_WAIT:
            log.info(
                "Waiting %.0f s, because the vendor's rate limit is reached or it asked for a pause.", seconds
            )
        sleep(max(seconds - early, 0.0))

    def _counters(self, endpoint: str) -> list[tuple[str, tuple[Limit, ...]]]:
        shared = tuple(limit for limit in self.limits if not limit.per_endpoint)
        own = tuple(limit for limit in self.limits if limit.per_endpoint)
        counters = [(self.account, shared), (f"{self.account}:{endpoint}", own)]
        return [(name, limits) for name, limits in counters if limits]

    def _take(self, endpoint: str) -> Grant | float:
        """Take a permit of each counter, or take none and return the seconds to wait."""
        with self._own_lock():
            counters, now = self._counters(endpoint), self.clock()
            wait = max(self._paused_until - now, self._foresight.wait(counters, now))
            if wait > 0:
                return wait
            permits: list[tuple[Counter, Any]] = []
            counted = self.clock()
            for name, limits in counters:
                counter = self._counter(name, limits)
                wait = counter.take()
                if wait > 0:
                    _give_back(permits)
                    return wait
                # The clock is read first, so that an interruption makes the permit older, not younger.
                moment = self.clock() - counter.age()
                counted = min(counted, moment) if permits else moment
                permits.append((counter, counter.last))
            grant = Grant(self, counted, tuple(permits))
            if grant.is_fresh():
                self._foresight.granted(counters, counted)
                return grant
            _give_back(permits)
            return _RETRY_AFTER

    def _own_lock(self) -> threading.Lock:
        """Return the lock; a new one in a forked process, where the thread that held it may not exist."""
        if self._pid != os.getpid():
            self._lock, self._pid = threading.Lock(), os.getpid()
        return self._lock

    def _counter(self, name: str, limits: tuple[Limit, ...]) -> Counter:
        if name not in self._by_name:
            self._by_name[name] = self.counter(name, limits)
        return self._by_name[name]


def _give_back(permits: list[tuple[Counter, Any]]) -> None:
    for counter, _ in permits:
        counter.give_back()
