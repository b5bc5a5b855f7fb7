"""One budget of requests per key: never more than the vendor's limit in any moving window."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyrate_limiter import InMemoryBucket, Rate, RateItem

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyrate_limiter import AbstractBucket

    from airflow_provider_convexport.export.stream import Limit

JITTER = 0.04
"""Share by which every window is stretched, because requests do not travel equally fast."""


def memory_bucket(name: str, limits: tuple[Limit, ...]) -> AbstractBucket:
    """Return a bucket that only this process knows."""
    del name
    return InMemoryBucket(rates_of(limits))


def rates_of(limits: tuple[Limit, ...]) -> list[Rate]:
    """Translate limits into the library's rates, each window stretched by `JITTER`."""
    return [
        Rate(limit.requests, round(limit.period.total_seconds() * 1000 * (1 + JITTER))) for limit in limits
    ]


@dataclass(slots=True)
class Budget:
    """Hands out permission to send, one request at a time, to any number of threads.

    :param account: What the vendor counts by (key, shop, instance), as a name that holds no secret.
    :param limits: The vendor's limits.
    :param bucket: Makes the counter behind a name; shared by processes or machines as it likes.
    :param sleep: Sleeps for some seconds.
    :param clock: Tells the seconds of a steady clock.
    """

    account: str
    limits: tuple[Limit, ...]
    bucket: Callable[[str, tuple[Limit, ...]], AbstractBucket] = memory_bucket
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _buckets: dict[str, AbstractBucket] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _paused_until: float = 0.0

    def acquire(self, endpoint: str) -> float:
        """Wait until one more request to ``endpoint`` is allowed, and return the seconds waited."""
        begun = self.clock()
        while (wait := self._paused_until - self.clock()) > 0:
            self.sleep(wait)
        for name, limits in self._counters(endpoint):
            self._take(name, limits)
        return self.clock() - begun

    def pause(self, seconds: float) -> None:
        """Let nobody who shares this budget object send for some seconds: the vendor asked for it."""
        with self._lock:
            self._paused_until = max(self._paused_until, self.clock() + seconds)

    def _counters(self, endpoint: str) -> list[tuple[str, tuple[Limit, ...]]]:
        shared = tuple(limit for limit in self.limits if not limit.per_endpoint)
        own = tuple(limit for limit in self.limits if limit.per_endpoint)
        counters = [(self.account, shared), (f"{self.account}:{endpoint}", own)]
        return [(name, limits) for name, limits in counters if limits]

    def _take(self, name: str, limits: tuple[Limit, ...]) -> None:
        with self._lock:
            if name not in self._buckets:
                self._buckets[name] = self.bucket(name, limits)
            bucket = self._buckets[name]
        while True:
            with self._lock:
                now: int = bucket.now()  # type: ignore[no-untyped-call]
                item = RateItem(name, now)
                if bucket.put(item):
                    bucket.leak(now)
                    return
                wait = bucket.waiting(item)
            assert isinstance(wait, int)  # noqa: S101 - only asynchronous buckets return anything else
            self.sleep(max(wait, 1) / 1000)
