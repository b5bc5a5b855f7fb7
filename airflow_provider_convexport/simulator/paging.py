"""Turning pages by cursor, with all switches on pages applied; and what is remembered between pages."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_convexport.simulator.archive import START, Position
from airflow_provider_convexport.simulator.cursors import seal, unseal
from airflow_provider_convexport.simulator.dataset import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from airflow_provider_convexport.simulator.archive import Record, Selection
    from airflow_provider_convexport.simulator.vendor import Call

_REMEMBERED: Final = 50_000


@dataclass(frozen=True, slots=True)
class Bookmark:
    """What a cursor carries.

    :param scope: Shop or bot it was issued for.
    :param endpoint: Endpoint it was issued for.
    :param params: Parameters of the first request.
    :param as_of: Arrival of the first request, microseconds; later records do not come into the walk.
    :param position: Where the page begins.
    :param before: Where the page before began.
    :param number: Number of the page, counted from 1.
    :param issued: When the cursor was issued, microseconds; 0 unless cursors expire by age.
    """

    scope: str
    endpoint: str
    params: dict[str, str]
    as_of: int
    position: Position = START
    before: Position | None = None
    number: int = 1
    issued: int = 0

    def token(self, seed: int) -> str:
        """Return the cursor."""
        payload = {name: getattr(self, name) for name in self.__slots__}
        return seal(payload, secret=f"cursor|{seed}")


@dataclass(frozen=True, slots=True)
class Turn:
    """A page and where it leads.

    :param records: The records.
    :param following: Cursor of the next page, or ``None``.
    :param preceding: Cursor of the page before, or ``None``.
    """

    records: list[Record]
    following: str | None
    preceding: str | None

    @property
    def texts(self) -> bytes:
        """The records as the inside of a JSON list."""
        return b",".join([record.text for record in self.records])


class Desk:
    """What is remembered between requests: uses of cursors, links that were issued, pages served."""

    def __init__(self) -> None:
        self._uses: OrderedDict[str, int] = OrderedDict()
        self._links: OrderedDict[str, None] = OrderedDict()
        self._pages = 0

    def restart(self) -> None:
        """Forget uses and count pages from 1 again; links stay good."""
        self._uses.clear()
        self._pages = 0

    def use(self, token: str) -> int:
        """Count a use of a cursor and return how many there were."""
        self._uses[token] = uses = self._uses.pop(token, 0) + 1
        if len(self._uses) > _REMEMBERED:
            self._uses.popitem(last=False)
        return uses

    def issue(self, bound: str) -> None:
        """Remember a bound that was written into a next link."""
        self._links.pop(bound, None)
        self._links[bound] = None
        if len(self._links) > _REMEMBERED:
            self._links.popitem(last=False)

    def issued(self, bound: str) -> bool:
        """Tell whether a bound was written into a next link."""
        return bound in self._links

    def count_page(self) -> int:
        """Count a page that has no cursor to be counted in, and return how many there were."""
        self._pages += 1
        return self._pages


def opened(call: Call, token: str, *, refuse: Callable[[], NoReturn]) -> Bookmark:
    """Return what a cursor carries.

    :param refuse: Called if the cursor is forged, worn out, expired or was issued for another endpoint.
    """
    payload = unseal(token, secret=f"cursor|{call.settings.seed}")
    if payload is None or payload["endpoint"] != call.endpoint:
        refuse()
    bookmark = _bookmark(payload)
    uses, age = call.desk.use(token), (call.now - bookmark.issued) / SECOND
    if call.settings.cursor_uses is not None and uses > call.settings.cursor_uses:
        refuse()
    if call.settings.cursor_seconds is not None and age > call.settings.cursor_seconds:
        refuse()
    return bookmark


def turn(call: Call, selection: Selection, *, bookmark: Bookmark, size: int) -> Turn:
    """Serve the page at a bookmark."""
    settings = call.settings
    if settings.max_page is not None:
        size = min(size, settings.max_page)
    page = call.archive.page(selection, start=bookmark.position, size=size)
    resume = page.resume(settings.page_overlap)
    records = page.records
    if settings.empty_pages and bookmark.number % settings.empty_pages == 0:
        records, resume = [], bookmark.position
    if settings.looping_next:
        return Turn(records, _token(call, replace(bookmark, number=1)), None)
    following = (
        replace(bookmark, position=resume, before=bookmark.position, number=bookmark.number + 1)
        if resume is not None
        else None
    )
    preceding = (
        replace(bookmark, position=bookmark.before, before=None, number=max(bookmark.number - 1, 1))
        if bookmark.before is not None
        else None
    )
    return Turn(records, _token(call, following), _token(call, preceding))


def _token(call: Call, bookmark: Bookmark | None) -> str | None:
    if bookmark is None:
        return None
    issued = call.now if call.settings.cursor_seconds is not None else 0
    return replace(bookmark, issued=issued).token(call.settings.seed)


def _bookmark(payload: dict[str, Any]) -> Bookmark:
    before = payload["before"]
    places = {
        "position": Position(*payload["position"]),
        "before": Position(*before) if before is not None else None,
    }
    return Bookmark(**(payload | places))
