"""Rate limits: numbers of requests in any period of a given length, by time of arrival."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from threading import Lock


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``allowed`` requests in any period of ``seconds``.

    :param name: Name for the request log, for example ``"applied_labs 60/min"``.
    :param bucket: The requests that are counted together: those of a shop, an endpoint or an instance.
    :param allowed: Number of requests.
    :param seconds: Length of the period, which ends at the request's arrival.
    """

    name: str
    bucket: str
    allowed: int
    seconds: float


class Limiter:
    """Counts the accepted requests of every limit."""

    def __init__(self) -> None:
        self._accepted: dict[Limit, deque[float]] = {}
        self._lock = Lock()

    def admit(self, limits: tuple[Limit, ...], *, now: float) -> float:
        """Accept a request and return 0, or return the seconds after which it would be accepted.

        :param limits: All limits that apply to the request; it is counted for all of them or for none.
        :param now: Time of arrival by a monotonic clock, in seconds.
        """
        with self._lock:
            wait = max((self._wait(limit, now=now) for limit in limits), default=0.0)
            if wait <= 0:
                for limit in limits:
                    self._accepted[limit].append(now)
        return wait

    def remaining(self, limit: Limit, *, now: float) -> tuple[int, float]:
        """Return how many more requests would be accepted, and the seconds until ``allowed`` would be."""
        with self._lock:
            recent = self._recent(limit, now=now)
            return limit.allowed - len(recent), recent[-1] + limit.seconds - now if recent else 0.0

    def _wait(self, limit: Limit, *, now: float) -> float:
        recent = self._recent(limit, now=now)
        return recent[0] + limit.seconds - now if len(recent) >= limit.allowed else 0.0

    def _recent(self, limit: Limit, *, now: float) -> deque[float]:
        recent = self._accepted.setdefault(limit, deque())
        while recent and recent[0] <= now - limit.seconds:
            recent.popleft()
        return recent
