"""The pages of a list, with every setting about pages and windows applied, for any vendor.

There are two kinds of pagination: by cursor, where a token says where the next page begins, and by moving
bound, where the next request has the same window with a later lower bound.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_convexport.simulator.disturbances import changed, serves
from airflow_provider_convexport.simulator.http_messages import ApiResponse, json_bytes
from airflow_provider_convexport.simulator.record_store import START
from airflow_provider_convexport.simulator.times import DAY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_convexport.simulator.cursors import Cursor
    from airflow_provider_convexport.simulator.http_messages import ApiRequest
    from airflow_provider_convexport.simulator.record_store import Page, Position, Record, RecordQuery

RECORDS: Final = object()
"""Stands for the list of records in the members of :func:`list_response`."""

_MAX_REMEMBERED: Final = 50_000


class PaginationState:
    """What is remembered between requests: uses of cursors, issued bounds, number of pages."""

    def __init__(self) -> None:
        self._uses: OrderedDict[str, int] = OrderedDict()
        self._bounds: OrderedDict[str, None] = OrderedDict()
        self._pages = 0

    def reset(self) -> None:
        """Forget the uses of cursors and count pages from 1 again; issued bounds stay valid."""
        self._uses.clear()
        self._pages = 0

    def count_use(self, token: str) -> int:
        """Count a use of a cursor and return the number of its uses."""
        self._uses[token] = uses = self._uses.pop(token, 0) + 1
        if len(self._uses) > _MAX_REMEMBERED:
            self._uses.popitem(last=False)
        return uses

    def issue(self, bound: str) -> None:
        """Remember the text of a bound in a next link."""
        self._bounds.pop(bound, None)
        self._bounds[bound] = None
        if len(self._bounds) > _MAX_REMEMBERED:
            self._bounds.popitem(last=False)

    def is_issued(self, bound: str) -> bool:
        """Return whether this text was the bound in a next link."""
        return bound in self._bounds

    def count_page(self) -> int:
        """Count a page that has no number of its own, and return the number of such pages."""
        self._pages += 1
        return self._pages


@dataclass(frozen=True, slots=True)
class CursorPage:
    """A page and the cursors of its neighbours.

    :param records: The records.
    :param following: Cursor of the next page, or ``None``.
    :param preceding: Cursor of the previous page, or ``None``.
    """

    records: list[Record]
    following: str | None
    preceding: str | None


@dataclass(frozen=True, slots=True)
class BoundPage:
    """A page and the lower bound of the next one.

    :param records: The records.
    :param next_low: Lower bound of the next page in microseconds, or ``None`` if there is no next page.
    :param emptied: Whether the page is empty because of the setting ``empty_pages``. The next link has to
        show this, so that the next request can be made with ``may_be_emptied=False``.
    """

    records: list[Record]
    next_low: int | None
    emptied: bool = False


def cursor_page(request: ApiRequest, query: RecordQuery, *, cursor: Cursor, size: int) -> CursorPage:
    """Return the page of at most ``size`` records that begins at a cursor.

    :param query: The window as the client asked for it, with the low bound inclusive and the high exclusive.
    """
    settings = request.settings
    query = replace(_available(request, query, as_of=cursor.as_of), shuffled=settings.shuffle)
    page = request.store.page(query, start=cursor.position, size=_allowed_size(request, size))
    records = changed(page.records, query.stream, settings, as_of=cursor.as_of)
    position = page.resume(settings.page_overlap)
    if settings.empty_pages and cursor.number % settings.empty_pages == 0:
        records, position = [], cursor.position
    if settings.looping_next:
        return CursorPage(records, _token(request, replace(cursor, number=1)), None)
    return CursorPage(records, _following(request, cursor, position=position), _preceding(request, cursor))


def bound_page(
    request: ApiRequest, query: RecordQuery, *, size: int, may_be_emptied: bool = True
) -> BoundPage:
    """Return the first at most ``size`` records of a window, for vendors whose links move the lower bound.

    The next page's lower bound is the time of the last record. If lower bounds are exclusive, the link itself
    skips further records of that time; no vendor promises more.

    :param query: The window as the client asked for it, with the low bound inclusive and the high exclusive.
    :param may_be_emptied: False if the request follows a page that was empty because of ``empty_pages``.
    """
    settings = request.settings
    page = request.store.page(
        _available(request, query, as_of=request.now), start=START, size=_allowed_size(request, size)
    )
    records = changed(page.records, query.stream, settings, as_of=request.now)
    every = settings.empty_pages
    if every and may_be_emptied and request.pagination.count_page() % every == 0:
        return BoundPage([], query.low, emptied=True)
    if settings.looping_next:
        return BoundPage(records, query.low)
    return BoundPage(records, _next_low(request, page))


def list_response(request: ApiRequest, records: list[Record], members: Mapping[str, Any]) -> ApiResponse:
    """Return an object with the given members in order; :data:`RECORDS` stands for the list of records."""
    parts = []
    for name, value in members.items():
        if value is not RECORDS:
            parts += [b",", json_bytes(name), b":", json_bytes(value)]
        elif not request.settings.drop_list:
            texts = b",".join([record.text for record in records])
            parts += [b",", json_bytes(name), b":[", texts, b"]"]
    # Joined once, because each copy of a large page takes milliseconds.
    return ApiResponse(200, b"".join((b"{", *parts[1:], b"}")), records=len(records))


def _available(request: ApiRequest, query: RecordQuery, *, as_of: int) -> RecordQuery:
    """Apply the settings about bounds and life; leave out what is older than the history or in the future."""
    settings = request.settings
    low = query.low + (0 if settings.lower_inclusive else 1)
    high = query.high + (1 if settings.upper_inclusive else 0)
    low, high = max(low, as_of - settings.days * DAY), min(high, as_of + 1)
    return replace(
        query,
        low=low,
        high=high,
        as_of=as_of if settings.living else None,
        serves=serves(query.stream, settings, as_of=as_of),
    )


def _allowed_size(request: ApiRequest, size: int) -> int:
    max_page = request.settings.max_page
    return size if max_page is None else min(size, max_page)


def _next_low(request: ApiRequest, page: Page) -> int | None:
    """Return the time of the last record, or of the first that the next page is to repeat."""
    if page.following is None:
        return None
    repeated = min(request.settings.page_overlap, len(page.records) - 1)
    return page.records[-1 - repeated].at


def _following(request: ApiRequest, cursor: Cursor, *, position: Position | None) -> str | None:
    if position is None:
        return None
    following = replace(cursor, position=position, before=cursor.position, number=cursor.number + 1)
    return _token(request, following)


def _preceding(request: ApiRequest, cursor: Cursor) -> str | None:
    if cursor.before is None:
        return None
    number = max(cursor.number - 1, 1)
    return _token(request, replace(cursor, position=cursor.before, before=None, number=number))


def _token(request: ApiRequest, cursor: Cursor) -> str:
    issued = request.now if request.settings.cursor_seconds is not None else 0
    return replace(cursor, issued=issued).token(request.settings.seed)
