"""What was requested: one visit per request, and what they add up to."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_convexport.simulator.limits import Limit

_VISITS_KEPT: Final = 500_000

Credential = Literal["right", "wrong", "missing"]


@dataclass(slots=True)
class Visit:
    """One request and its answer.

    :param number: Counted from 1 since the last reset.
    :param monotonic: Arrival by a monotonic clock, seconds.
    :param wall: Arrival by the simulator's clock, epoch seconds.
    :param vendor: Name of the vendor.
    :param endpoint: Name of the endpoint.
    :param path: Path that was requested.
    :param params: Query parameters in the order they came.
    :param credential: Whether the key was right; the key itself is not kept.
    :param limits: The limits that the request was counted under.
    :param status: Status of the answer; 0 if the connection was cut before there was one.
    :param records: Records in the answer.
    :param limited: Whether it was refused for its rate.
    :param fault: What the fault plan did to it.
    """

    number: int
    monotonic: float
    wall: float
    vendor: str
    endpoint: str
    path: str
    params: list[tuple[str, str]]
    credential: Credential = "missing"
    limits: tuple[Limit, ...] = ()
    status: int = 0
    records: int = 0
    limited: bool = False
    fault: str | None = None

    def param(self, name: str) -> str | None:
        """Return the first value of a query parameter, or ``None``."""
        return next((value for key, value in self.params if key == name), None)

    def public(self) -> dict[str, Any]:
        """Return the visit as plain values."""
        kept = {name: getattr(self, name) for name in self.__slots__ if name != "limits"}
        return kept | {"limits": [[limit.name, limit.bucket] for limit in self.limits]}


@dataclass(frozen=True, slots=True)
class LimitUse:
    """How near a limit came to being reached.

    :param limit: The limit.
    :param arrivals: Most requests that arrived within any moving window of its length.
    :param accepted: Most requests that were accepted within any such window.
    """

    limit: Limit
    arrivals: int
    accepted: int


class Journal:
    """All visits since the last reset, the oldest forgotten after half a million."""

    def __init__(self) -> None:
        self._visits: deque[Visit] = deque(maxlen=_VISITS_KEPT)
        self._count = 0

    @property
    def visits(self) -> list[Visit]:
        """The visits so far, in the order of arrival."""
        return list(self._visits)

    def arrive(
        self,
        *,
        monotonic: float,
        wall: float,
        vendor: str,
        endpoint: str,
        path: str,
        params: list[tuple[str, str]],
    ) -> Visit:
        """Enter a request; the rest of the visit is filled in when it is answered."""
        self._count += 1
        visit = Visit(self._count, monotonic, wall, vendor, endpoint, path, params)
        self._visits.append(visit)
        return visit

    def clear(self) -> None:
        """Forget all visits and count from 1 again."""
        self._visits.clear()
        self._count = 0

    def counts(self) -> Counter[tuple[str, str, int]]:
        """Return the number of visits by vendor, endpoint and status."""
        return Counter((visit.vendor, visit.endpoint, visit.status) for visit in self._visits)

    def limit_uses(self) -> list[LimitUse]:
        """Return how near every limit came to being reached."""
        by_limit: dict[Limit, list[Visit]] = defaultdict(list)
        for visit in self._visits:
            for limit in visit.limits:
                by_limit[limit].append(visit)
        return [_use(limit, visits=visits) for limit, visits in by_limit.items()]

    def summary(self) -> dict[str, Any]:
        """Return counts and uses as plain values."""
        names = ("vendor", "endpoint", "status", "count")
        return {
            "requests": self._count,
            "counts": [dict(zip(names, (*key, n), strict=True)) for key, n in sorted(self.counts().items())],
            "limits": [
                {
                    "limit": use.limit.name,
                    "bucket": use.limit.bucket,
                    "allowed": use.limit.allowed,
                    "seconds": use.limit.seconds,
                    "most_arrivals": use.arrivals,
                    "most_accepted": use.accepted,
                }
                for use in self.limit_uses()
            ],
        }


def _use(limit: Limit, *, visits: list[Visit]) -> LimitUse:
    arrivals = (visit.monotonic for visit in visits)
    accepted = (visit.monotonic for visit in visits if not visit.limited)
    return LimitUse(
        limit, _most_within(arrivals, seconds=limit.seconds), _most_within(accepted, seconds=limit.seconds)
    )


def _most_within(times: Iterable[float], *, seconds: float) -> int:
    """Return the largest number of ascending ``times`` that lie within any ``seconds``."""
    most, recent = 0, deque[float]()
    for time in times:
        recent.append(time)
        while recent[0] <= time - seconds:
            recent.popleft()
        most = max(most, len(recent))
    return most
