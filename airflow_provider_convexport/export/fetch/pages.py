"""Fetches the pages of one request window, one after another; cannot loop for ever and cannot stop early."""

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
    """A page and the request for the one after it.

    :param page: The page.
    :param next_request: ``None`` after the last page.
    """

    page: Page
    next_request: PageRequest | None


_MAX_REPEATED_PAGES = 3
"""A page may repeat earlier ones where pages overlap or shrink; so many in a row lead nowhere."""
_MAX_EMPTY_PAGES = 1_000
"""An empty page is not the end, but the vendor's cursor must reach it some time."""


def paginate(client: Client, query: Query, *, start: PageRequest) -> Iterator[FetchedPage]:
    """Yield the pages from ``start`` until the vendor says that there is no next one.

    :param client: Sends the requests.
    :param query: What is exported; knows how answers look and how pages follow each other.
    :param start: Request for the first page, or for a later one to continue from.
    :raises IncompleteExportError: if a request would be sent a second time, or page after page brings nothing
        new although the requests differ.
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
                    f"{layout.endpoint} sent a next link that does not advance: it was followed already. "
                    f"{_ADVICE}"
                )
            progress.check(page)
        yield FetchedPage(page, following)
        request = following


_ADVICE = (
    "Going on would loop, stopping would lose records; so nothing was published. "
    "If many records share one instant, a larger page_size helps."
)


@dataclass(slots=True)
class _Progress:
    """Notices pages that bring nothing new while their cursors or signatures keep changing.

    A page brings nothing new if its ids are those of an earlier page, or all on the page before it.
    """

    endpoint: str
    _pages: set[int] = field(default_factory=set)
    _last: frozenset[str] = frozenset()
    _repeated: int = 0
    _empty: int = 0

    def check(self, page: Page) -> None:
        """Count a page that is not the last one."""
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
                f"{self.endpoint} sent {self._repeated or self._empty} pages in a row that bring no new "
                f"record, each with another next link. {_ADVICE}"
            )
