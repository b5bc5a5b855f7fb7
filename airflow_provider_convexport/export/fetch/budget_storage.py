"""Where a budget counts requests: in this process, on this machine, or in Redis for all workers."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pyrate_limiter import AbstractBucket, InMemoryBucket, Rate, RateItem, SQLiteBucket

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.fetch.budget_redis import RedisCounter, is_redis, redis_client

if TYPE_CHECKING:
    from airflow_provider_convexport.export.fetch.limit import Limit

JITTER = 0.04
"""Fraction by which periods are extended, because requests take different times to arrive."""

_MAX_JITTER_MS = 1100
"""More than an extended second: a permit of a limit per minute may wait that long for one per second."""
_LOCK_POLL = 0.002
"""Seconds between two tries to take a lock, which other processes hold for about a millisecond."""

_KEY_PREFIX = "convexport:budget:"


class Counter(Protocol):
    """Counts the requests to which a group of limits applies."""

    def take(self) -> float:
        """Count one request and return 0, or return the seconds until it may be allowed."""
        ...

    def give_back(self) -> None:
        """Remove the request that was counted last by this object, because it is not sent."""
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
        return lambda name, limits: RedisCounter(client, f"{_KEY_PREFIX}{name}", rates_of(limits))
    raise ConfigurationError(
        "[convexport] budget_storage is not 'machine', 'memory' or a redis:// URL; set it to one of these."
    )


def machine_folder() -> Path:
    """Return the folder of what all processes of this user on this machine share; it need not exist yet."""
    return Path(tempfile.gettempdir()) / f"convexport-budget-{os.getuid()}"


def memory_counter(name: str, limits: tuple[Limit, ...]) -> Counter:
    """Return a counter of this process alone."""
    del name
    return LibraryCounter(InMemoryBucket(rates_of(limits)))


def machine_counter(name: str, limits: tuple[Limit, ...]) -> Counter:
    """Return a counter in a file, shared by all processes of this user on this machine.

    A process that dies leaves no lock behind: the operating system releases it, and the requests of that
    process expire from the moving periods.

    :raises ConfigurationError: if the file cannot be written.
    """
    folder = machine_folder()
    path = folder / f"{hashlib.sha256(name.encode()).hexdigest()[:24]}.sqlite"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        bucket = SQLiteBucket.init_from_file(rates_of(limits), db_path=str(path), use_file_lock=True)
    except (OSError, sqlite3.OperationalError) as error:
        raise ConfigurationError(
            f"The request budget cannot be kept in {folder} ({type(error).__name__}); set TMPDIR to a folder "
            "that this user can write to, or [convexport] budget_storage to 'memory' or a redis:// URL."
        ) from error
    lock: Any = bucket.lock
    lock.poll_interval = _LOCK_POLL
    return LibraryCounter(bucket)


def rates_of(limits: tuple[Limit, ...]) -> list[Rate]:
    """Convert limits to rates, shortest first; each period is extended by `JITTER` or about a second."""
    periods = [(round(limit.period.total_seconds() * 1000), limit.requests) for limit in limits]
    return [
        Rate(requests, period + min(round(period * JITTER), _MAX_JITTER_MS))
        for period, requests in sorted(periods)
    ]


@dataclass(frozen=True, slots=True)
class LibraryCounter:
    """A counter of the rate-limiting library.

    :param bucket: The library's log of requests.
    """

    bucket: AbstractBucket

    def take(self) -> float:
        """Count one request and return 0, or return the seconds until it may be allowed."""
        # The clock is read while the lock that processes share is held: an earlier reading would make the
        # moving period begin too early.
        shared_lock: Any = self.bucket.limiter_lock() or contextlib.nullcontext()
        with shared_lock:
            now: int = self.bucket.now()  # type: ignore[no-untyped-call]
            item = RateItem("request", now)
            if self.bucket.put(item):
                self.bucket.leak(now)
                return 0.0
            wait = self.bucket.waiting(item)
        assert isinstance(wait, int)  # noqa: S101 - only asynchronous buckets return anything else
        return max(wait, 1) / 1000

    def give_back(self) -> None:
        """Remove the request that was counted last by this object, because it is not sent."""
        if isinstance(self.bucket, InMemoryBucket):
            self.bucket.items.pop()
            return
        bucket: Any = self.bucket
        with bucket.lock:
            bucket.conn.execute(
                f"DELETE FROM '{bucket.table}' WHERE rowid = (SELECT max(rowid) FROM '{bucket.table}')"  # noqa: S608
            )
            bucket.conn.commit()
