"""Rate limits over moving windows, by arrival time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from threading import Lock


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``allowed`` requests in any ``seconds``.

    :param name: What the limit is called, for example ``"applied_labs 60/min"``.
    :param bucket: What is counted together: a shop, an endpoint, an instance.
    :param allowed: Number of requests.
    :param seconds: Length of the moving window.
    """

    name: str
    bucket: str
    allowed: int
    seconds: float


class Limiter:
    """Remembers the accepted requests of every limit."""

    def __init__(self) -> None:
        self._accepted: dict[Limit, deque[float]] = {}
        self._lock = Lock()

    def admit(self, limits: tuple[Limit, ...], *, now: float) -> float:
        """Accept a request, or return the seconds after which it would be accepted.

        :param limits: All limits that the request falls under; it is counted for all or for none.
        :param now: When it arrived, by a monotonic clock.
        """
        with self._lock:
            wait = max((self._wait(limit, now=now) for limit in limits), default=0.0)
            if wait <= 0:
                for limit in limits:
                    self._accepted[limit].append(now)
        return wait

    def standing(self, limit: Limit, *, now: float) -> tuple[int, float]:
        """Return how many more requests would be accepted, and the seconds until all would be."""
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
