"""Where a budget counts requests: in this process, on this machine, or in Redis for all workers."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import sqlite3
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from pyrate_limiter import AbstractBucket, InMemoryBucket, Rate, RateItem, SQLiteBucket

from airflow_provider_convexport.errors import ConfigurationError, IncompleteExportError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redis import Redis

    from airflow_provider_convexport.export.fetch.limit import Limit

JITTER = 0.04
"""Fraction by which periods are extended, because requests take different times to arrive."""

_MAX_JITTER_MS = 1100
"""More than an extended second: a permit of a limit per minute may wait that long for one per second."""
_LOCK_POLL = 0.002
"""Seconds between two tries to take a lock, which other processes hold for about a millisecond."""

_RETRY_AFTER = 0.001
"""Seconds after which to ask again after a permit was returned."""

_REDIS_RETRIES = 30
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


def is_redis(storage: str) -> bool:
    """Return whether a storage is the URL of a Redis server."""
    return urlsplit(storage).scheme in ("redis", "rediss", "unix")


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


_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local wait, longest = 0, 0
for i = 2, #ARGV, 2 do
    local limit, interval = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
    longest = math.max(longest, interval)
    if redis.call('ZCOUNT', KEYS[1], now - interval, '+inf') >= limit then
        local blocking = redis.call('ZRANGE', KEYS[1], -limit, -limit, 'WITHSCORES')
        wait = math.max(wait, blocking[2] + interval + 1 - now)
    end
end
if wait == 0 then
    redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - longest - 1)
    redis.call('ZADD', KEYS[1], now, ARGV[1])
    redis.call('PEXPIRE', KEYS[1], longest + 1000)
end
return wait
"""


class RedisCounter:
    """A log of requests in a sorted set, which a script on the server counts by the server's clock.

    The library's own Redis bucket reads the clock on the client, before its script runs, and does not count
    requests that another client has logged since; four workers together sent a fourth request in a second
    whose limit was three.

    A permit is returned if Redis took long to respond: its request would be sent later than it was counted,
    by more than the periods are extended, and could exceed the limit of the next period.

    :param client: The connection.
    :param key: Name of the sorted set.
    :param rates: The limits, shortest period first.
    :param clock: Returns the seconds of a monotonic clock.
    """

    def __init__(
        self, client: Redis, key: str, rates: list[Rate], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client: Any = client
        self._key = key
        self._rates = rates
        self._clock = clock
        self._fastest = float("inf")
        self._max_delay = rates[0].interval / 1000 * JITTER / 2
        # Each counter has its own script, so that a server that lost its data reports it as missing to each
        # counter, even if another counter has loaded its script since.
        self._text = f"-- {key}\n{_TAKE}"
        with redis_errors_converted():
            self._script = str(self._client.script_load(self._text))

    def take(self) -> float:
        """Count one request and return 0, or return the seconds until it may be allowed.

        :raises IncompleteExportError: if the server does not respond within about a minute of retries.
        """
        from redis.exceptions import NoScriptError

        request = secrets.token_hex(8)
        arguments = [request]
        for rate in self._rates:
            arguments += [str(rate.limit), str(rate.interval)]
        try:
            with redis_errors_converted():
                start = self._clock()
                wait = self._client.evalsha(self._script, 1, self._key, *arguments)
                if wait == 0 and self._is_stale(self._clock() - start):
                    self._client.zrem(self._key, request)
                    return _RETRY_AFTER
        except NoScriptError:
            with redis_errors_converted():
                self._assume_limit_reached()
            return 1.0
        self._last = request
        return int(wait) / 1000

    def give_back(self) -> None:
        """Remove the request that was counted last by this object, because it is not sent."""
        with redis_errors_converted():
            self._client.zrem(self._key, self._last)

    def _is_stale(self, seconds: float) -> bool:
        """Return whether a response took so much longer than the fastest one that its permit is stale."""
        self._fastest = min(self._fastest, seconds)
        return seconds - self._fastest > self._max_delay

    def _assume_limit_reached(self) -> None:
        """Assume that the limit is reached after a restart of the server, which may have lost its counts."""
        seconds, _ = self._client.time()
        shortest = self._rates[0]
        requests = {f"restart:{number}": int(seconds) * 1000 + 999 for number in range(shortest.limit)}
        self._client.zadd(self._key, requests, nx=True)
        self._script = str(self._client.script_load(self._text))


@contextlib.contextmanager
def redis_errors_converted() -> Iterator[None]:
    """Convert errors of the Redis client to one without the server's address or password."""
    from redis.exceptions import NoScriptError, RedisError

    try:
        yield
    except NoScriptError:
        raise
    except RedisError as error:
        raise IncompleteExportError(
            f"The Redis server of [convexport] budget_storage did not answer ({type(error).__name__}), so no "
            "request was sent; nothing was published, and progress is kept for the next try."
        ) from error


def redis_client(url: str) -> Redis:
    """Return a client of a Redis server, which connects on first use.

    :raises ConfigurationError: if the package redis is missing.
    """
    try:
        from redis import Redis
        from redis.backoff import ExponentialBackoff
        from redis.exceptions import ConnectionError as RedisConnectionError
        from redis.exceptions import TimeoutError as RedisTimeoutError
        from redis.retry import Retry
    except ImportError:
        raise ConfigurationError(
            "[convexport] budget_storage names a Redis server, which needs the package redis; "
            "install airflow-provider-convexport[redis]."
        ) from None
    return Redis.from_url(
        url,
        socket_timeout=10,
        retry=Retry(ExponentialBackoff(cap=2, base=0.1), retries=_REDIS_RETRIES),
        retry_on_error=[RedisConnectionError, RedisTimeoutError],
    )
