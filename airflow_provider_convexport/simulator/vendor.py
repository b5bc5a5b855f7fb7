"""What a vendor is: endpoints, streams, admission and the shape of its errors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NoReturn

import msgspec

from airflow_provider_convexport.simulator.dataset import DAY, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_convexport.simulator.archive import Archive, Selection, Stream
    from airflow_provider_convexport.simulator.journal import Credential
    from airflow_provider_convexport.simulator.limits import Limit
    from airflow_provider_convexport.simulator.paging import Desk
    from airflow_provider_convexport.simulator.settings import SimulatorSettings

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response before it is sent.

    :param status: HTTP status.
    :param body: The body.
    :param headers: Further headers.
    :param records: Records in the body, for the journal.
    :param media: Content type.
    """

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    records: int = 0
    media: str = "application/json"


class Refusal(Exception):  # noqa: N818
    """Raised by vendor code to answer at once.

    :param answer: The answer.
    """

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Call:
    """One request as vendor code sees it.

    :param endpoint: Name of the endpoint.
    :param pairs: Query parameters in the order they came.
    :param path: Path that was requested.
    :param path_params: Parts of the path by name.
    :param headers: Headers by lower-case name.
    :param origin: Scheme and host that the client used.
    :param now: Arrival, microseconds since the epoch.
    :param settings: Settings at arrival.
    :param archive: Where records come from.
    :param desk: What is remembered between pages.
    """

    endpoint: str
    pairs: tuple[tuple[str, str], ...]
    path: str
    path_params: Mapping[str, str]
    headers: Mapping[str, str]
    origin: str
    now: int
    settings: SimulatorSettings
    archive: Archive
    desk: Desk

    def link(self, query: str) -> str:
        """Return a link to this path with another query, as absolute as the settings want it."""
        if self.settings.foreign_next is not None:
            return f"{self.settings.foreign_next}{self.path}?{query}"
        return f"{self.origin if self.settings.absolute_links else ''}{self.path}?{query}"

    def bearer(self) -> str | None:
        """Return the token of an ``Authorization: Bearer`` header, or ``None``."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token if scheme == "Bearer" and token else None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path of a vendor.

    :param name: Name for journal and faults.
    :param path: Path in Starlette's notation.
    :param answer: Makes the answer; may raise :class:`Refusal`.
    :param public: Whether it is answered without a key and outside of all limits.
    """

    name: str
    path: str
    answer: Callable[[Call], Answer]
    public: bool = False


@dataclass(frozen=True, slots=True)
class Vendor:
    """One vendor's API.

    :param name: Name for journal, faults and truth.
    :param prefix: What all its paths begin with.
    :param endpoints: Its endpoints.
    :param streams: Its streams by name; also those that only the truth is asked for.
    :param scopes: The shops or bots it knows; one empty string if it has no such thing.
    :param credential: Tells whether the key is right.
    :param admit: Refuses wrong keys and scopes, and returns the limits a request falls under.
    :param failure: Makes an error body of the vendor's shape.
    :param shown_limit: Name of the limit that ``X-RateLimit`` headers of successful answers tell about.
    """

    name: str
    prefix: str
    endpoints: tuple[Endpoint, ...]
    streams: Mapping[str, Stream]
    scopes: Callable[[SimulatorSettings], tuple[str, ...]]
    credential: Callable[[Call], Credential]
    admit: Callable[[Call], tuple[Limit, ...]]
    failure: Callable[[int, str], Answer]
    shown_limit: str | None = None


def encoded(value: Any) -> bytes:
    """Return plain values as JSON."""
    return msgspec.json.encode(value)


def compared(key: str | None, *, expected: str) -> Credential:
    """Tell whether a key is right."""
    if key is None:
        return "missing"
    return "right" if key == expected else "wrong"


def single(call: Call, *, known: frozenset[str], refuse: Callable[[str, str], NoReturn]) -> dict[str, str]:
    """Return the query parameters, each of which must be known and come once.

    :param refuse: Called with the parameter and what is wrong with it.
    """
    params: dict[str, str] = {}
    for name, value in call.pairs:
        if name not in known:
            refuse(name, "Unknown parameter.")
        if name in params:
            refuse(name, "Parameter is repeated.")
        params[name] = value
    return params


def clipped(selection: Selection, *, call: Call, as_of: int) -> Selection:
    """Apply the switches on bounds, and leave out what is too old or lies in the future."""
    settings = call.settings
    low = selection.low + (0 if settings.lower_inclusive else 1)
    high = selection.high + (1 if settings.upper_inclusive else 0)
    return replace(selection, low=max(low, as_of - settings.days * DAY), high=min(high, as_of + 1))


def microseconds(moment: datetime) -> int:
    """Return an aware datetime as microseconds since the epoch."""
    # Not by the operator: with Airflow's pendulum values it gives what no timedelta can divide.
    return datetime.__sub__(moment, EPOCH) // _MICROSECOND


def naive_text(at: int) -> str:
    """Return ``YYYY-MM-DDTHH:MM:SS`` with microseconds unless they are zero, and no zone."""
    return (EPOCH + timedelta(microseconds=at)).replace(tzinfo=None).isoformat()


def whole_second(at: int) -> int:
    """Return the last whole second not after ``at``."""
    return at - at % SECOND
