"""Fetches all pages of one request window in sequence, and detects pagination that makes no progress."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_convexport.errors import IncompleteExportError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_convexport.export.fetch.client import Client
    from airflow_provider_convexport.export.fetch.page import Page
    from airflow_provider_convexport.export.fetch.request import PageRequest
    from airflow_provider_convexport.export.fetch.stream import Query


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """A page and the request for the next one.

    :param page: The page.
    :param next_request: ``None`` after the last page.
    """

    page: Page
    next_request: PageRequest | None


_MAX_REPEATED_PAGES = 3
"""Pages that overlap may repeat earlier ones; this many consecutive ones mean that there is no progress."""
_MAX_EMPTY_PAGES = 1_000
"""An empty page is not the end, but this many consecutive ones mean that there is no progress."""


def paginate(client: Client, query: Query, *, start: PageRequest) -> Iterator[FetchedPage]:
    """Yield the pages from ``start`` up to the one that the vendor marks as the last.

    :param client: Sends the requests.
    :param query: What is exported; it determines the format of the pages and the kind of pagination.
    :param start: Request for the first page, or for the page from which pagination continues.
    :raises IncompleteExportError: if a request would be sent a second time, or too many consecutive pages
        contain no new record.
    """
    layout, pagination = query.page_format, query.stream.pagination
    request: PageRequest | None = start.at(client.resolve(start.url))
    seen, progress = set[int](), _Progress(layout.endpoint)
    while request is not None:
        seen.add(hash(request))
        page = client.fetch(request, layout.decode)
        following = pagination.next_request(request, page)
        if following is not None:
            following = following.at(client.resolve(following.url, url=request.url))
            if hash(following) in seen:
                raise IncompleteExportError(
                    f"{layout.endpoint} sent a next link that does not advance: it was already followed. "
                    f"{_ADVICE}"
                )
            progress.check(page)
        yield FetchedPage(page, following)
        del page  # so that its memory is free while the next one is received
        request = following


_ADVICE = (
    "Continuing would loop and stopping would lose records, so nothing was published. "
    "If many records have the same timestamp, increase page_size."
)


@dataclass(slots=True)
class _Progress:
    """Detects pages without new records although their cursors or signatures keep changing.

    A page has no new records if its ids are those of an earlier page, or all of them are on the previous one.
    """

    endpoint: str
    _pages: set[int] = field(default_factory=set)
    _last: frozenset[str] = frozenset()
    _repeated: int = 0
    _empty: int = 0

    def check(self, page: Page) -> None:
        """Count a page that is not the last one.

        :raises IncompleteExportError: if too many consecutive pages contain no new record.
        """
        if not page.ids:
            self._empty += 1
        else:
            ids = frozenset(page.ids)
            is_repeated = hash(ids) in self._pages or ids <= self._last
            self._repeated = self._repeated + 1 if is_repeated else 0
            self._pages.add(hash(ids))
            self._last, self._empty = ids, 0
        if self._repeated >= _MAX_REPEATED_PAGES or self._empty >= _MAX_EMPTY_PAGES:
            raise IncompleteExportError(
                f"{self.endpoint} sent {self._repeated or self._empty} consecutive pages without a new "
                f"record, each with another next link. {_ADVICE}"
            )
