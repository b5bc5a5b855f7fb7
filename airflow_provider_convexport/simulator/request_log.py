"""The request log: one entry per request, and statistics over all entries."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_convexport.simulator.limits import Limit

_MAX_ENTRIES: Final = 500_000

Credential = Literal["right", "wrong", "missing"]


@dataclass(slots=True)
class LoggedRequest:
    """One request and what is known of its response.

    :param number: Counted from 1 since the last reset.
    :param monotonic: Arrival by a monotonic clock, in seconds.
    :param wall: Arrival by the simulator's clock, in seconds since the epoch.
    :param vendor: Name of the vendor.
    :param endpoint: Name of the endpoint.
    :param path: Requested path.
    :param params: Parameters in the order of arrival.
    :param credential: Whether the key was right; the key itself is not stored.
    :param limits: The limits that applied to the request.
    :param status: Status of the response; 0 if the connection was closed before it was sent.
    :param records: Number of records in the response.
    :param limited: Whether it was refused because of a limit.
    :param fault: The kind of fault that hit it, or ``None``.
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
        """Return the first value of a parameter, or ``None``."""
        return next((value for key, value in self.params if key == name), None)

    def public(self) -> dict[str, Any]:
        """Return the entry as plain values."""
        kept = {name: getattr(self, name) for name in self.__slots__ if name != "limits"}
        return kept | {"limits": [[limit.name, limit.bucket] for limit in self.limits]}


@dataclass(frozen=True, slots=True)
class LimitUse:
    """The largest number of requests within any period of a limit.

    :param limit: The limit.
    :param arrivals: Largest number of requests that arrived within any period of its length.
    :param accepted: Largest number of requests that were accepted within any such period.
    """

    limit: Limit
    arrivals: int
    accepted: int


class RequestLog:
    """All requests since the last reset; of more than half a million, the newest half a million."""

    def __init__(self) -> None:
        self._requests: deque[LoggedRequest] = deque(maxlen=_MAX_ENTRIES)
        self._count = 0

    @property
    def requests(self) -> list[LoggedRequest]:
        """The requests in the order of arrival."""
        return list(self._requests)

    def add(
        self,
        *,
        monotonic: float,
        wall: float,
        vendor: str,
        endpoint: str,
        path: str,
        params: list[tuple[str, str]],
    ) -> LoggedRequest:
        """Add a request and return its entry, which is completed when the response is known."""
        self._count += 1
        request = LoggedRequest(self._count, monotonic, wall, vendor, endpoint, path, params)
        self._requests.append(request)
        return request

    def clear(self) -> None:
        """Remove all entries and count from 1 again."""
        self._requests.clear()
        self._count = 0

    def counts(self) -> Counter[tuple[str, str, int]]:
        """Return the number of requests by vendor, endpoint and status."""
        return Counter((request.vendor, request.endpoint, request.status) for request in self._requests)

    def limit_uses(self) -> list[LimitUse]:
        """Return for every limit the largest number of requests within any of its periods."""
        by_limit: dict[Limit, list[LoggedRequest]] = defaultdict(list)
        for request in self._requests:
            for limit in request.limits:
                by_limit[limit].append(request)
        return [_use(limit, requests=requests) for limit, requests in by_limit.items()]

    def summary(self) -> dict[str, Any]:
        """Return the counts and the use of the limits as plain values."""
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
                    "max_arrivals": use.arrivals,
                    "max_accepted": use.accepted,
                }
                for use in self.limit_uses()
            ],
        }


def _use(limit: Limit, *, requests: list[LoggedRequest]) -> LimitUse:
    arrivals = (request.monotonic for request in requests)
    accepted = (request.monotonic for request in requests if not request.limited)
    return LimitUse(
        limit, _max_within(arrivals, seconds=limit.seconds), _max_within(accepted, seconds=limit.seconds)
    )


def _max_within(times: Iterable[float], *, seconds: float) -> int:
    """Return the largest number of ascending ``times`` that lie within any ``seconds``."""
    largest, recent = 0, deque[float]()
    for time in times:
        recent.append(time)
        while recent[0] <= time - seconds:
            recent.popleft()
        largest = max(largest, len(recent))
    return largest
