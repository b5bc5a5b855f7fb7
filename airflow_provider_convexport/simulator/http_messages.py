"""HTTP requests and responses as the code of a vendor sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import msgspec

from airflow_provider_convexport.simulator.lifecycle import at_moment
from airflow_provider_convexport.simulator.times import DAY, whole_second

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_convexport.simulator.dataset import Conversation
    from airflow_provider_convexport.simulator.pagination import PaginationState
    from airflow_provider_convexport.simulator.record_store import RecordStore
    from airflow_provider_convexport.simulator.settings import SimulatorSettings


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """A response before it is sent.

    :param status: HTTP status.
    :param body: The body.
    :param headers: Additional headers.
    :param records: Number of records in the body, for the request log.
    :param content_type: Value of the header ``Content-Type``.
    """

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    records: int = 0
    content_type: str = "application/json"

    @classmethod
    def json(cls, status: int, value: Any) -> ApiResponse:
        """Return a response with plain values as JSON."""
        return cls(status, json_bytes(value))


class ApiError(Exception):
    """Raised by the code of a vendor to end a request with an error response.

    :param response: The response.
    """

    def __init__(self, response: ApiResponse) -> None:
        super().__init__(response.status)
        self.response = response


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request.

    :param endpoint: Name of the endpoint.
    :param params: Query parameters in the order of arrival; for requests with a JSON object as their body,
        its members follow, strings as they are and other values as compact JSON.
    :param path: Requested path.
    :param path_params: Variable parts of the path by name.
    :param headers: Headers by lower-case name.
    :param body: The body; empty unless the endpoint's method has one.
    :param origin: Scheme, host and port that the client used.
    :param now: Arrival by the simulator's clock, in microseconds since the epoch; records are as of then.
    :param wall: Arrival by the clock of the machine, in seconds since the epoch, for times in headers.
    :param settings: The simulator's settings at arrival.
    :param vendor_settings: The part of them that the vendor declared, an instance of its settings class.
    :param store: Source of the records.
    :param pagination: What is remembered between the pages of a list.
    """

    endpoint: str
    params: tuple[tuple[str, str], ...]
    path: str
    path_params: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    origin: str
    now: int
    wall: float
    settings: SimulatorSettings
    vendor_settings: Any
    store: RecordStore
    pagination: PaginationState

    def link(self, query: str) -> str:
        """Return a link to this path with another query; the settings decide whether it is absolute."""
        if self.settings.foreign_next is not None:
            return f"{self.settings.foreign_next}{self.path}?{query}"
        return f"{self.origin if self.settings.absolute_links else ''}{self.path}?{query}"

    def conversation(self, ordinal: int, *, vendor: str, scope: str) -> Conversation | None:
        """Return the conversation with that ordinal, or ``None`` if it does not exist at this time."""
        found = self.store.find(ordinal, vendor=vendor, scope=scope)
        if found is not None and self.settings.living:
            found = at_moment(found, self.now)
        oldest = self.now - self.settings.days * DAY
        return found if found is not None and oldest <= whole_second(found.start) <= self.now else None

    def has(self, name: str) -> bool:
        """Return whether the request has a parameter of that name."""
        return any(key == name for key, _value in self.params)


def redirect_to_slash(request: ApiRequest) -> ApiResponse:
    """Return a redirect to the same path with a slash at its end."""
    query = f"?{urlencode(request.params, quote_via=quote)}" if request.params else ""
    return ApiResponse(301, b"", headers=(("Location", f"{quote(request.path)}/{query}"),))


def json_bytes(value: Any) -> bytes:
    """Return plain values as JSON."""
    return msgspec.json.encode(value)
