"""Pagination: which request gets the next page, and when a series of pages has ended.

A vendor's `Stream` holds one of the kinds below. Another kind of pagination is another small class with the
same two members; the engine needs no change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urljoin

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_convexport.export.fetch.page import Page
    from airflow_provider_convexport.export.fetch.request import Method, PageRequest

KeyPath = tuple[str, ...]
"""Keys that lead to a value in an answer, outermost first; empty for no value."""


class Pagination(Protocol):
    """How a vendor hands out the pages of one request window."""

    @property
    def method(self) -> Method:
        """The HTTP method of every request."""
        ...

    @property
    def link(self) -> KeyPath:
        """Where an answer holds the link or cursor of the next page, if it does."""
        ...

    @property
    def end_flag(self) -> KeyPath:
        """Where an answer holds a boolean that is true on the last page, if it does."""
        ...

    def next_request(self, request: PageRequest, page: Page) -> PageRequest | None:
        """Return the request for the page after ``page``; ``None`` if that was the last one.

        :param request: The request that ``page`` answers.
        :param page: The page.
        """
        ...


def join(page: Page, request: PageRequest) -> str:
    """Return the link of the page that ``request`` got, absolute or relative to it, as a URL."""
    link = page.link or ""
    try:
        return urljoin(request.url, link)
    except ValueError:
        return link  # not a URL; the client refuses it


@dataclass(frozen=True, slots=True)
class NextLink:
    """The answer holds the URL of the next page; a missing, null or empty link ends the pages.

    :param link: Where the answer holds the link.
    :param complete: ``(page, request)`` to the URL to request, for vendors whose links cannot be followed as
        they are; ``request`` is the one that ``page`` answers.
    :param end_flag: Where the answer holds a boolean that is true on the last page, for vendors that send a
        link with every page; then the flag alone decides.
    """

    link: KeyPath
    complete: Callable[[Page, PageRequest], str] = join
    end_flag: KeyPath = ()
    method: Method = "GET"

    def next_request(self, request: PageRequest, page: Page) -> PageRequest | None:
        """Return the request to the page's link."""
        if page.link is None or page.is_last:
            return None
        return request.at(self.complete(page, request))


@dataclass(frozen=True, slots=True)
class Cursor:
    """The answer holds a cursor, which is sent as a parameter of an otherwise unchanged request.

    :param link: Where the answer holds the cursor; a missing, null or empty one ends the pages.
    :param parameter: Name of the parameter that carries it.
    :param end_flag: As for `NextLink`.
    :param method: ``"POST"`` sends all parameters in a JSON body.
    """

    link: KeyPath
    parameter: str
    end_flag: KeyPath = ()
    method: Method = "GET"

    def next_request(self, request: PageRequest, page: Page) -> PageRequest | None:
        """Return the same request with the page's cursor."""
        if page.link is None or page.is_last:
            return None
        return request.replace(self.parameter, page.link)


@dataclass(frozen=True, slots=True)
class PageNumber:
    """Pages are numbered, and by the vendor's contract only the last one is shorter than asked for.

    :param parameter: Name of the parameter that carries the number; the first request has none.
    :param size_parameter: Name of the parameter that carries the page size.
    :param first: Number of the first page.
    :param method: ``"POST"`` sends all parameters in a JSON body.
    """

    parameter: str
    size_parameter: str
    first: int = 1
    method: Method = "GET"
    link: KeyPath = ()
    end_flag: KeyPath = ()

    def next_request(self, request: PageRequest, page: Page) -> PageRequest | None:
        """Return the request for the next number, unless the page was short."""
        if len(page.ids) < int(request.parameter(self.size_parameter) or 1):
            return None
        number = int(request.parameter(self.parameter) or self.first)
        return request.replace(self.parameter, str(number + 1))
