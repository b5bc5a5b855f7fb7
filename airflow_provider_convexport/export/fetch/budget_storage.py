"""Where a budget counts requests: in this process, on this machine, or in Redis for all workers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pyrate_limiter import InMemoryBucket, Rate, RateItem

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.fetch.budget_file import FileCounter
from airflow_provider_convexport.export.fetch.budget_redis import RedisCounter, is_redis, redis_client
from airflow_provider_convexport.export.fetch.shared_folder import machine_folder

if TYPE_CHECKING:
    from airflow_provider_convexport.export.fetch.limit import Limit

JITTER = 0.04
"""Fraction by which periods are extended, because requests take different times to arrive."""

_MAX_JITTER_MS = 1100
"""More than an extended second: a permit of a limit per minute may wait that long for one per second."""
KEY_PREFIX = "convexport:budget:"


class Counter(Protocol):
    """Counts the requests to which a group of limits applies."""

    def take(self) -> float:
        """Count one request and return 0, or return the seconds until it may be allowed."""
        ...

    def give_back(self) -> None:
        """Remove the request that was counted last by this object, because it is not sent."""
        ...

    @property
    def last(self) -> Any:
        """What identifies the request that was counted last by this object."""
        ...

    def age(self) -> float:
        """Return the seconds since the request that was counted last by this object was counted."""
        ...

    def postpone(self, request: Any) -> None:
        """Count a request, which was counted before, as sent now."""
        ...


CounterFactory = Callable[[str, "tuple[Limit, ...]"], Counter]
"""Creates the counter for a name, which contains no secret, and its limits."""


def counter_factory(storage: str) -> CounterFactory:
    """Return a function that creates the counters of a storage.

    :param storage: ``"machine"`` (all processes of one user on this machine), ``"memory"`` (this process),
        or a ``redis://``, ``rediss://`` or ``unix://`` URL (all workers that use that Redis server).
    :raises ConfigurationError: for anything else, or if the package redis is missing.
    """
    if storage == "memory":
        return memory_counter
    if storage == "machine":
        return machine_counter
    if is_redis(storage):
        client = redis_client(storage)
        return lambda name, limits: RedisCounter(client, f"{KEY_PREFIX}{name}", rates_of(limits))
    raise ConfigurationError(
        "[convexport] budget_storage is not 'machine', 'memory' or a redis:// URL; set it to one of these."
    )


def memory_counter(name: str, limits: tuple[Limit, ...]) -> Counter:
    """Return a counter of this process alone."""
    del name
    return LibraryCounter(InMemoryBucket(rates_of(limits)))


def machine_counter(name: str, limits: tuple[Limit, ...]) -> Counter:
    """Return a counter in a file, shared by all processes of this user on this machine.

    A process that dies leaves no lock behind: the operating system releases it, and the requests of that
    process expire from the moving periods.

    :raises ConfigurationError: if the file cannot be written, or others have access to its folder.
    """
    return FileCounter(machine_folder(), name, rates_of(limits))


def rates_of(limits: tuple[Limit, ...]) -> list[Rate]:
    """Convert limits to rates, shortest first; each period is extended by `JITTER` or about a second."""
    periods = [(round(limit.period.total_seconds() * 1000), limit.requests) for limit in limits]
    return [Rate(requests, period + _extension(period)) for period, requests in sorted(periods)]


def tolerance_of(limits: tuple[Limit, ...]) -> float:
    """Return the seconds within which a request must be written after it was counted.

    That is half of what the shortest period is extended by. The other half is for the network.
    """
    periods = [limit.period.total_seconds() * 1000 for limit in limits]
    return min((_extension(period) / 2000 for period in periods), default=float("inf"))


def _extension(period: float) -> int:
    return min(round(period * JITTER), _MAX_JITTER_MS)


@dataclass(slots=True)
class LibraryCounter:
    """A counter of the rate-limiting library.

    :param bucket: The library's log of requests.
    """

    bucket: InMemoryBucket
    last: RateItem | None = None

    def take(self) -> float:
        """Count one request and return 0, or return the seconds until it may be allowed."""
        now: int = self.bucket.now()  # type: ignore[no-untyped-call]
        item = RateItem("request", now)
        if self.bucket.put(item):
            self.last = item
            self.bucket.leak(now)
            return 0.0
        wait = self.bucket.waiting(item)
        assert isinstance(wait, int)  # noqa: S101 - only asynchronous buckets return anything else
        return max(wait, 1) / 1000

    def give_back(self) -> None:
        """Remove the request that was counted last by this object, because it is not sent."""
        self._remove(self.last)

    def age(self) -> float:
        """Return the seconds since the request that was counted last by this object was counted."""
        now: int = self.bucket.now()  # type: ignore[no-untyped-call]
        return 0.0 if self.last is None else (now - self.last.timestamp) / 1000

    def postpone(self, request: RateItem) -> None:
        """Count a request, which was counted before, as sent now."""
        self._remove(request)
        self.bucket.items.append(RateItem("request", self.bucket.now()))  # type: ignore[no-untyped-call]

    def _remove(self, request: RateItem | None) -> None:
        self.bucket.items = [item for item in self.bucket.items if item is not request]
