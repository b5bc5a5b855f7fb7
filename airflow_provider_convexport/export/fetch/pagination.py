"""Walks the pages of one window; it cannot loop for ever and cannot stop early."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_convexport.errors import IncompleteExportError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_convexport.export.fetch.client import Client
    from airflow_provider_convexport.export.fetch.page import Page
    from airflow_provider_convexport.export.fetch.stream import Query


@dataclass(frozen=True, slots=True)
class Step:
    """One page and the way on.

    :param page: The page.
    :param next_url: URL of the page after it; ``None`` after the last one.
    """

    page: Page
    next_url: str | None


def walk(client: Client, query: Query, *, start: str) -> Iterator[Step]:
    """Yield the pages from ``start`` until the vendor says that there is no next one.

    An empty or a short page is not the end; only a missing link is.

    :param client: Sends the requests.
    :param query: What is exported; knows how answers and links look.
    :param start: URL of the first page, or of a later one to go on from.
    :raises IncompleteExportError: if a link comes back that was followed already.
    """
    layout = query.page_format
    url: str | None = client.resolve(start)
    seen = set[int]()
    while url is not None:
        seen.add(hash(url))
        page = client.fetch(url, layout.decode)
        following = None if page.link is None else client.resolve(query.next_url(page.link, url), url=url)
        if following is not None and hash(following) in seen:
            raise IncompleteExportError(
                f"{layout.endpoint} sent a next link that does not advance: it was followed already. "
                "Going on would loop, stopping would lose records; so nothing was published. "
                "If many records share one instant, a larger page_size helps."
            )
        yield Step(page, following)
        url = following
