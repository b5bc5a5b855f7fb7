"""What the engine needs to know about a vendor's stream, as data; the vendor's hook module has the values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from airflow_provider_convexport.durations import in_words
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.fetch.page import PageFormat
from airflow_provider_convexport.export.fetch.request import PageRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow_provider_convexport.export.fetch.pagination import Pagination
    from airflow_provider_convexport.export.window import Window

WindowEvidence = Literal["", "assumed", "explicit", "probe", "page", "overlap"]
"""How it was established which field a vendor's undecided window selects by.

``"assumed"``: not at all; the stream's default is used. ``"explicit"``: by the Dag alone. ``"probe"``: by two
short requests around the times of one record. ``"page"``: by a record of an export that is outside of the
requested window by another field. ``"overlap"``: a probe found a record by each of its times, so that
every field is safe.
"""

_MIN_REQUEST_WINDOW = timedelta(seconds=1)
"""Vendors accept whole seconds."""


@dataclass(frozen=True, slots=True)
class PageSize:
    """Allowed numbers of records per request.

    :param parameter: Name of the query parameter for the page size.
    :param default: Value unless the Dag sets another; the best one for this vendor.
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
    :param title: The vendor's display name: ``"Ada"``.
    :param name: The stream's name: ``"conversations"`` or ``"messages"``.
    :param path: Path of the endpoint on the connection's host.
    :param list_keys: Keys under which the record list may be found, in order of preference.
    :param pagination: How to request the next page, and which page is the last one.
    :param id_field: Record field that identifies a record.
    :param time_fields: For each ``window_on``, the record field with the time that selects records; the
        default first.
    :param page_size: Allowed page sizes.
    :param request_window: Length of a request window unless the Dag sets another, without ``reach``.
    :param window_params: Maps ``(window, window_on)`` to the query parameters that select the window.
    :param max_window: Longest window that the vendor accepts; ``None`` if it does not say.
    :param filters: Names of further query parameters that a Dag may set.
    :param settle: How long after an interval's end the vendor may still add records to it.
    :param history: How far back the vendor keeps records; ``None`` if it does not say.
    :param window_undecided: Whether the vendor does not say by which of ``time_fields`` its window selects;
        each ``window_on`` is then a possible reading, and the vendor's answers decide between them. Requests
        must be the same for all of them.
    :param concurrency: Number of request windows that one task fetches concurrently.
    :param reach: How far requests reach beyond both ends of a window (the seam). If the window is undecided,
        a record whose times differ by no more than this is in the answer whichever reading is right.
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
    window_undecided: bool = False
    concurrency: int = 1
    reach: timedelta = timedelta(seconds=1)

    @property
    def endpoint(self) -> str:
        """Vendor and path, for messages."""
        return f"{self.title} {self.path}"

    @property
    def default_window_on(self) -> str:
        """The time that selects records unless the Dag sets another."""
        return next(iter(self.time_fields))


@dataclass(frozen=True, slots=True)
class Query:
    """What to request from a stream, apart from the span of time.

    :param stream: The stream.
    :param window_on: Which of the stream's times selects records; empty for its default.
    :param scope: The shop or bot, as recorded in paths and manifests; empty where the vendor has none.
    :param filters: Further query parameters, with values in the vendor's notation.
    :param scope_params: Query parameters that select the scope (some vendors use a header instead).
    :param account: Public identity of the vendor account, without a secret, as recorded in manifests; empty
        where the scope tells accounts apart.
    :param page_size: Records per request; ``None`` for the stream's default.
    :param request_window: Length of a request window; ``None`` for the stream's default.
    :param window_evidence: How ``window_on`` was established, if the stream's window is undecided; empty for
        all other streams.
    :raises ConfigurationError: if the stream does not support the ``window_on``, filters, page size or
        request window.
    """

    stream: Stream
    window_on: str = ""
    scope: Mapping[str, str] = field(default_factory=dict)
    filters: Mapping[str, str] = field(default_factory=dict)
    scope_params: Mapping[str, str] = field(default_factory=dict)
    account: str = ""
    page_size: int | None = None
    request_window: timedelta | None = None
    window_evidence: WindowEvidence = ""

    def __post_init__(self) -> None:
        stream = self.stream
        if stream.window_undecided and not self.window_evidence:
            object.__setattr__(self, "window_evidence", "explicit" if self.window_on else "assumed")
        if not self.window_on:
            object.__setattr__(self, "window_on", stream.default_window_on)
        if not isinstance(self.window_on, str) or self.window_on not in stream.time_fields:
            raise ConfigurationError(
                f"window_on={self.window_on!r} does not exist for {stream.title} {stream.name}; "
                f"use one of {sorted(stream.time_fields)}."
            )
        if unknown := sorted(set(self.filters) - stream.filters):
            allowed = sorted(stream.filters) or "none"
            raise ConfigurationError(
                f"filters {unknown} do not exist for {stream.title} {stream.name}; allowed: {allowed}."
            )
        for name, value in {**self.scope, **self.filters}.items():
            _check_text(name, value)
        if self.page_size is not None:
            _check_page_size(self.page_size, stream)
        if self.request_window is not None:
            _check_request_window(self.request_window, stream)

    def windows(self, interval: Window) -> Iterator[Window]:
        """Yield the request windows of an interval in chronological order."""
        return interval.split(self.request_window or self.stream.request_window)

    @property
    def page_format(self) -> PageFormat:
        """The format of this query's pages."""
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
        """Return the request for the first page of ``window``, which reaches beyond both its ends."""
        return self.request_for(window.reach(self.stream.reach))

    def request_for(self, asked: Window) -> PageRequest:
        """Return the request for the first page of exactly the span ``asked``, in whole seconds."""
        stream = self.stream
        params = {
            **stream.window_params(asked, self.window_on),
            **self.scope_params,
            stream.page_size.parameter: str(self.page_size or stream.page_size.default),
            **self.filters,
        }
        return PageRequest.of(stream.path, params, method=stream.pagination.method)


def _check_text(name: str, value: str) -> None:
    """Refuse what cannot be sent; the value is not shown, since a filter may name a person."""
    if any(each < " " or "\ud800" <= each <= "\udfff" for each in value):
        raise ConfigurationError(
            f"{name} holds a control character or half of a character, which cannot be sent; write it again."
        )


def _check_page_size(number: int, stream: Stream) -> None:
    size = stream.page_size
    if type(number) is not int or not size.minimum <= number <= size.maximum:
        raise ConfigurationError(
            f"page_size={number!r} is not accepted by {stream.title}; "
            f"use a whole number from {size.minimum} to {size.maximum}, "
            f"or leave it out to use {size.default}."
        )


def _check_request_window(length: timedelta, stream: Stream) -> None:
    max_window, default = stream.max_window, in_words(stream.request_window)
    if not isinstance(length, timedelta) or length < _MIN_REQUEST_WINDOW:
        raise ConfigurationError(
            f"request_window={length!r} is not a timedelta of one second or more; "
            f"leave it out to use {default}."
        )
    if max_window is not None and length > max_window:
        raise ConfigurationError(
            f"request_window={in_words(length)} is not accepted by {stream.title}; "
            f"use at most {in_words(max_window)}, or leave it out to use {default}."
        )
