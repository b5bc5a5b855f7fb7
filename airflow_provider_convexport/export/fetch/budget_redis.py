"""Counts requests in Redis, for all workers, and survives a server that loses its data."""

from __future__ import annotations

import contextlib
import logging
import secrets
import time
from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.errors import ConfigurationError, IncompleteExportError
from airflow_provider_convexport.export.fetch.limit import LONGEST_WAITED_MS
from airflow_provider_convexport.export.fetch.redis_url import redis_url_errors_converted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyrate_limiter import Rate
    from redis import Redis

log = logging.getLogger(__name__)

_RETRY_AFTER = 0.001
"""Seconds after which to ask again after a permit was returned."""

_STALE = 0.02
"""Fraction of the shortest period after which a permit is too old: half of what periods are extended by."""

_MAX_STALE = 0.55
"""Maximum number of seconds; long periods are extended by about a second only."""

_DRIFT = 0.001
"""Fraction by which two clocks that nobody sets may differ, twice what a correction of the time may need."""

_ROUNDING_MS = 5
"""Milliseconds by which clocks may differ because they are rounded."""

_REDIS_RETRIES = 30

_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local wait, longest, filled = 0, 0, 0
for i = 3, #ARGV, 2 do
    longest = math.max(longest, ARGV[i + 1])
    if tonumber(ARGV[i + 1]) <= tonumber(ARGV[2]) then filled = math.max(filled, ARGV[i]) end
end
local info = redis.pcall('INFO', 'server')
local epoch = 'epoch:' .. (type(info) == 'string' and info:match('run_id:(%w+)') or 'unknown') .. ':'
local marker = redis.call('ZRANGEBYSCORE', KEYS[1], '+inf', '+inf')[1] or ''
local lost = 0
if marker:sub(1, #epoch) ~= epoch then
    lost = 1
    for i = 1, filled do redis.call('ZADD', KEYS[1], now, epoch .. i) end
end
if lost == 1 or tonumber(marker:sub(#epoch + 1)) > now then
    redis.call('ZREMRANGEBYSCORE', KEYS[1], '+inf', '+inf')
    redis.call('ZADD', KEYS[1], '+inf', epoch .. string.format('%.0f', now))
end
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '(+inf')) do
    redis.call('ZADD', KEYS[1], now, member)
end
for i = 3, #ARGV, 2 do
    local limit, interval = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
    if redis.call('ZCOUNT', KEYS[1], now - interval, '(+inf') >= limit then
        local blocking = redis.call('ZRANGE', KEYS[1], -limit - 1, -limit - 1, 'WITHSCORES')
        wait = math.max(wait, blocking[2] + interval + 1 - now)
    end
end
if wait == 0 then
    redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - longest - 1)
    redis.call('ZADD', KEYS[1], now, ARGV[1])
end
redis.call('PEXPIRE', KEYS[1], longest + 2592000000)
return {wait, lost, now}
"""

_FORGET_EPOCH = """
local marker = redis.call('ZRANGEBYSCORE', KEYS[1], '+inf', '+inf')[1]
if marker and tonumber(marker:match('%d+$')) <= tonumber(ARGV[1]) then
    redis.call('ZREM', KEYS[1], marker)
end
"""

_POSTPONE = """
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1])
"""


class RedisCounter:
    """A log of requests in a sorted set, which a script on the server counts by the server's clock.

    The library's own Redis bucket reads the clock on the client, before its script runs, and does not count
    requests that another client has logged since; four workers together sent a fourth request in a second
    whose limit was three.

    The set contains the identity of the server's process, with the time since which it counts. If that is
    missing, the server was restarted or replaced by another, the set was flushed or evicted, or it is used
    for the first time: nobody knows what was sent, and the limit counts as reached for one period, if that
    is not longer than about an hour. What is logged for a later time than the server's, whose clock was then
    put back, counts as logged now. A clock that was put forward makes all requests look old: whoever has used
    the server before notices at the next request that its clock went faster than the own one, and the limit
    counts as reached for one period, too.
    A process that is new cannot notice that; it may use the limit until another one has.

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
        self._limits = [str(number) for rate in rates for number in (rate.limit, rate.interval)]
        self._clock = clock
        self._last = ""
        self._fastest = float("inf")
        self._started = 0.0
        self._seen: tuple[float, int] | None = None
        self._max_delay = min(rates[0].interval / 1000 * _STALE, _MAX_STALE)
        with redis_errors_converted():
            self._client.ping()

    def take(self) -> float:
        """Count one request and return 0, or return the seconds until it may be allowed.

        :raises IncompleteExportError: if the server does not respond within about a minute of retries.
        """
        self._last = secrets.token_hex(8)
        with redis_errors_converted():
            self._started = start = self._clock()
            wait, lost, now = self._client.eval(
                _TAKE, 1, self._key, self._last, str(LONGEST_WAITED_MS), *self._limits
            )
        if self._was_put_forward(int(now)):
            return _RETRY_AFTER
        if lost:
            log.warning(
                "The Redis server of [convexport] budget_storage has no count of this account's requests: "
                "it was restarted, flushed or short of memory, its clock was put forward, or it is used "
                "for the first time. "
                "The vendor's limit counts as reached for one period."
            )
        if wait == 0 and self._is_stale(self._clock() - start):
            self.give_back()
            return _RETRY_AFTER
        return int(wait) / 1000

    def give_back(self) -> None:
        """Remove the request that was counted last by this object, because it is not sent."""
        with redis_errors_converted():
            self._client.zrem(self._key, self._last)

    @property
    def last(self) -> str:
        """What identifies the request that was counted last by this object."""
        return self._last

    def age(self) -> float:
        """Return the seconds since the request that was counted last by this object was counted.

        It was counted after at least the time of the fastest response, of which a part is its way back.
        """
        return self._clock() - self._started - self._fastest

    def postpone(self, request: str) -> None:
        """Count a request, which was counted before, as sent now."""
        with redis_errors_converted():
            self._client.eval(_POSTPONE, 1, self._key, request)

    def _was_put_forward(self, now: int) -> bool:
        """Return whether the server's clock went faster than this process's; then the count is forgotten."""
        seen, self._seen = self._seen, (self._started, now)
        if seen is None:
            return False
        most = (self._clock() - seen[0]) * 1000  # also contains both responses' ways back
        if now - seen[1] <= most * (1 + _DRIFT) + _ROUNDING_MS:
            return False
        with redis_errors_converted():
            self._client.eval(_FORGET_EPOCH, 1, self._key, seen[1])
            self._client.zrem(self._key, self._last)
        return True

    def _is_stale(self, seconds: float) -> bool:
        """Return whether a response took so much longer than the fastest one that its permit is stale."""
        self._fastest = min(self._fastest, seconds)
        return seconds - self._fastest > self._max_delay


def is_redis(storage: str) -> bool:
    """Return whether a storage is the URL of a Redis server."""
    return storage.partition("://")[0].lower() in ("redis", "rediss", "unix") and "://" in storage


@contextlib.contextmanager
def redis_errors_converted() -> Iterator[None]:
    """Convert errors of the Redis client to one without the server's address or password."""
    from redis.exceptions import RedisError

    try:
        yield
    except RedisError as error:
        raise IncompleteExportError(
            f"The Redis server of [convexport] budget_storage did not answer ({type(error).__name__}), so no "
            "request was sent; nothing was published, and progress is kept for the next try."
        ) from error


def redis_client(url: str, *, retries: int = _REDIS_RETRIES) -> Redis:
    """Return a client of a Redis server, which connects on first use.

    :param retries: How often a command is sent again if the server does not answer.

    :raises ConfigurationError: if the package redis is missing, or the URL cannot be read.
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
    with redis_url_errors_converted(url):
        client = Redis.from_url(
            url,
            socket_timeout=10,
            retry=Retry(ExponentialBackoff(cap=2, base=0.1), retries=retries),
            retry_on_error=[RedisConnectionError, RedisTimeoutError],
        )
        pool = client.connection_pool
        pool.connection_class(**pool.connection_kwargs)  # rejects unknown options; does not connect
    return client
