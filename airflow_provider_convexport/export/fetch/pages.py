"""Fetches the pages of one request window, one after another; cannot loop for ever and cannot stop early."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_convexport.errors import IncompleteExportError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_convexport.export.fetch.client import Client
    from airflow_provider_convexport.export.fetch.page import Page, PageFormat
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


def paginate(client: Client, query: Query, *, start: PageRequest) -> Iterator[FetchedPage]:
    """Yield the pages from ``start`` until the vendor says that there is no next one.

    :param client: Sends the requests.
    :param query: What is exported; knows how answers look and how pages follow each other.
    :param start: Request for the first page, or for a later one to continue from.
    :raises IncompleteExportError: if a request would be sent a second time.
    """
    layout, pagination = query.page_format, query.stream.pagination
    request: PageRequest | None = start.at(client.resolve(start.url))
    seen = set[int]()
    while request is not None:
        seen.add(hash(request))
        page = client.fetch(request, layout.decode)
        following = pagination.next_request(request, page)
        if following is not None:
            following = following.at(client.resolve(following.url, url=request.url))
            if hash(following) in seen:
                raise _no_progress(layout)
        yield FetchedPage(page, following)
        request = following


def _no_progress(layout: PageFormat) -> IncompleteExportError:
    return IncompleteExportError(
        f"{layout.endpoint} sent a next link that does not advance: it was followed already. "
        "Going on would loop, stopping would lose records; so nothing was published. "
        "If many records share one instant, a larger page_size helps."
    )
