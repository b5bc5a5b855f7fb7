"""What the engine needs to know of a vendor's stream, as data; the values stand in the vendor's hook file."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.fetch.page import PageFormat
from airflow_provider_convexport.export.fetch.request import PageRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow_provider_convexport.export.fetch.pagination import Pagination
    from airflow_provider_convexport.export.window import Window

_MIN_REQUEST_WINDOW = timedelta(seconds=1)
"""Vendors accept whole seconds."""


@dataclass(frozen=True, slots=True)
class PageSize:
    """Allowed numbers of records per request.

    :param parameter: Query parameter that carries it.
    :param default: Sent unless the Dag says otherwise; the vendor's best.
    :param minimum: Smallest value that the vendor accepts.
    :param maximum: Largest value that the vendor accepts.
    """

    parameter: str
    default: int
    minimum: int
    maximum: int


@dataclass(frozen=True, slots=True)
class Stream:
    """One exportable stream of one vendor.

    :param vendor: The vendor's machine name, as in manifests: ``"ada"``.
    :param title: The vendor's name for people: ``"Ada"``.
    :param name: The stream's name: ``"conversations"`` or ``"messages"``.
    :param path: Path of the endpoint on the connection's host.
    :param list_keys: Keys that may hold the record list, preferred one first.
    :param pagination: How the pages of one request window follow each other, and what ends them.
    :param id_field: Record field that identifies a record.
    :param time_fields: For each ``window_on``, the record field whose time decides; the default one first.
    :param page_size: Allowed page sizes.
    :param request_window: Span of time asked for in one request unless the Dag says otherwise, before the
        reach at its ends is added.
    :param window_params: ``(window, window_on)`` to the query parameters that ask for it.
    :param max_window: Longest span that the vendor accepts; ``None`` if it does not say.
    :param filters: Further query parameters that a Dag may set.
    :param settle: How long after an interval's end the vendor may still add records to it.
    :param history: How far back the vendor keeps records; ``None`` if it does not say.
    :param keeps_outside: True if the vendor does not say which field its window filters: then only records
        at the seam are trimmed, and a record that lies farther outside is kept and counted.
    :param concurrency: Windows that one task may walk at a time.
    :param reach: How far requests reach beyond both ends of a window.
    """

    vendor: str
    title: str
    name: str
    path: str
    list_keys: tuple[str, ...]
    pagination: Pagination
    id_field: str
    time_fields: Mapping[str, str]
    page_size: PageSize
    request_window: timedelta
    window_params: Callable[[Window, str], dict[str, str]]
    max_window: timedelta | None = None
    filters: frozenset[str] = frozenset()
    settle: timedelta = timedelta(0)
    history: timedelta | None = None
    keeps_outside: bool = False
    concurrency: int = 1
    reach: timedelta = timedelta(seconds=1)

    @property
    def endpoint(self) -> str:
        """Vendor and path, for messages to people."""
        return f"{self.title} {self.path}"

    @property
    def default_window_on(self) -> str:
        """The time that windows select by, unless the Dag says otherwise."""
        return next(iter(self.time_fields))


@dataclass(frozen=True, slots=True)
class Query:
    """What to ask of a stream, apart from the time.

    :param stream: The stream.
    :param window_on: Which of the stream's times the windows select by; empty for its default.
    :param scope: The shop or bot, as recorded in paths and manifests; empty where the vendor has none.
    :param filters: Further query parameters, values as the vendor writes them.
    :param scope_params: Query parameters that select the scope (some vendors use a header instead).
    :param page_size: Records per request; ``None`` for the vendor's best.
    :param request_window: Span of time asked for in one request; ``None`` for the vendor's best.
    :raises ConfigurationError: for a ``window_on``, filter, page size or request window that the stream does
        not have.
    """

    stream: Stream
    window_on: str = ""
    scope: Mapping[str, str] = field(default_factory=dict)
    filters: Mapping[str, str] = field(default_factory=dict)
    scope_params: Mapping[str, str] = field(default_factory=dict)
    page_size: int | None = None
    request_window: timedelta | None = None

    def __post_init__(self) -> None:
        stream = self.stream
        if not self.window_on:
            object.__setattr__(self, "window_on", stream.default_window_on)
        if self.window_on not in stream.time_fields:
            raise ConfigurationError(
                f"window_on={self.window_on!r} does not exist for {stream.title} {stream.name}; "
                f"use one of {sorted(stream.time_fields)}."
            )
        if unknown := sorted(set(self.filters) - stream.filters):
            allowed = sorted(stream.filters) or "none"
            raise ConfigurationError(
                f"filters {unknown} do not exist for {stream.title} {stream.name}; allowed: {allowed}."
            )
        size = stream.page_size
        if self.page_size is not None and (
            type(self.page_size) is not int or not size.minimum <= self.page_size <= size.maximum
        ):
            raise ConfigurationError(
                f"page_size={self.page_size!r} is refused by {stream.title}; "
                f"use a whole number from {size.minimum} to {size.maximum}, "
                f"or leave it out for {size.default}."
            )
        if self.request_window is not None:
            _check_request_window(self.request_window, stream)

    def windows(self, interval: Window) -> Iterator[Window]:
        """Yield the spans to ask for, one after another, each with requests of its own."""
        return interval.split(self.request_window or self.stream.request_window)

    @property
    def page_format(self) -> PageFormat:
        """How to read this query's answers."""
        stream = self.stream
        return PageFormat(
            endpoint=stream.endpoint,
            list_keys=stream.list_keys,
            link=stream.pagination.link,
            end_flag=stream.pagination.end_flag,
            id_field=stream.id_field,
            time_field=stream.time_fields[self.window_on],
        )

    def first_request(self, window: Window) -> PageRequest:
        """Return the request for the first page of ``window``, reaching over both its ends."""
        stream = self.stream
        params = {
            **stream.window_params(window.reach(stream.reach), self.window_on),
            **self.scope_params,
            stream.page_size.parameter: str(self.page_size or stream.page_size.default),
            **self.filters,
        }
        return PageRequest.of(stream.path, params, method=stream.pagination.method)


def _check_request_window(length: timedelta, stream: Stream) -> None:
    max_window = stream.max_window
    if not isinstance(length, timedelta) or length < _MIN_REQUEST_WINDOW:
        raise ConfigurationError(
            f"request_window={length!r} is not a timedelta of a second or more; "
            f"leave it out for {stream.request_window}."
        )
    if max_window is not None and length > max_window:
        raise ConfigurationError(
            f"request_window={length} is refused by {stream.title}; use at most {max_window}, "
            f"or leave it out for {stream.request_window}."
        )
