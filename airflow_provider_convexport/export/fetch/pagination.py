"""Pagination: how to request the next page, and which page is the last one.

A vendor's `Stream` holds one of the kinds below. A further kind is another small class with the members of
`Pagination`; the engine needs no change.
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
"""Keys that lead to a value in a response, outermost first; empty for no value."""


class Pagination(Protocol):
    """How a vendor paginates the records of one request window."""

    @property
    def method(self) -> Method:
        """The HTTP method of every request."""
        ...

    @property
    def link(self) -> KeyPath:
        """Path to the link or cursor of the next page in a response; empty if there is none."""
        ...

    @property
    def end_flag(self) -> KeyPath:
        """Path to a boolean that is true in the last response; empty if there is none."""
        ...

    def next_request(self, request: PageRequest, page: Page) -> PageRequest | None:
        """Return the request for the page after ``page``; ``None`` if ``page`` is the last one.

        :param request: The request that returned ``page``.
        :param page: The page.
        """
        ...


def join(page: Page, request: PageRequest) -> str:
    """Return the next link of ``page`` as an absolute URL; a relative one is resolved against ``request``."""
    link = page.link or ""
    try:
        return urljoin(request.url, link)
    except ValueError:
        return link  # not a URL; the client rejects it


@dataclass(frozen=True, slots=True)
class NextLink:
    """Each response contains the URL of the next page; a missing, null or empty link ends pagination.

    :param link: Path to the link in a response.
    :param complete: Maps ``(page, request)`` to the URL to request, for vendors whose links cannot be
        followed unchanged; ``request`` is the one that returned ``page``.
    :param end_flag: Path to a boolean that is true in the last response, for vendors that send a link with
        every page; the flag alone decides then.
    """

    link: KeyPath
    complete: Callable[[Page, PageRequest], str] = join
    end_flag: KeyPath = ()
    method: Method = "GET"

    def next_request(self, request: PageRequest, page: Page) -> PageRequest | None:
        """Return the request for the page's link; see `Pagination.next_request`."""
        if page.link is None or page.is_last:
            return None
        return request.at(self.complete(page, request))


@dataclass(frozen=True, slots=True)
class Cursor:
    """Each response contains a cursor, which is sent as a parameter of an otherwise unchanged request.

    :param link: Path to the cursor in a response; a missing, null or empty cursor ends pagination.
    :param parameter: Name of the parameter for the cursor.
    :param end_flag: As for `NextLink`.
    :param method: ``"POST"`` sends all parameters in a JSON body.
    """

    link: KeyPath
    parameter: str
    end_flag: KeyPath = ()
    method: Method = "GET"

    def next_request(self, request: PageRequest, page: Page) -> PageRequest | None:
        """Return the same request with the page's cursor; see `Pagination.next_request`."""
        if page.link is None or page.is_last:
            return None
        return request.replace(self.parameter, page.link)


@dataclass(frozen=True, slots=True)
class PageNumber:
    """Pages are numbered, and the vendor guarantees that only the last one has fewer records than requested.

    :param parameter: Name of the parameter for the number; the first request has none.
    :param size_parameter: Name of the parameter for the page size.
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
        """Return the request for the next number; ``None`` after a page with fewer records than requested."""
        if len(page.ids) < int(request.parameter(self.size_parameter) or 1):
            return None
        number = int(request.parameter(self.parameter) or self.first)
        return request.replace(self.parameter, str(number + 1))
