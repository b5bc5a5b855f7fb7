"""A request for one page, as a value that can be written to a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

Method = Literal["GET", "POST"]


class PageRequest(msgspec.Struct, frozen=True):
    """A request for one page.

    :param url: Path and query, or an absolute URL.
    :param body: JSON body of a POST request; ``None`` for a GET request.
    """

    url: str
    body: str | None = None

    @classmethod
    def of(cls, path: str, params: Mapping[str, str], *, method: Method = "GET") -> PageRequest:
        """Return a request with parameters: in the query of a GET, in the JSON body of a POST."""
        if method == "POST":
            return cls(path, msgspec.json.encode(params).decode())
        return cls(f"{path}?{urlencode(params)}")

    @property
    def method(self) -> Method:
        """The HTTP method."""
        return "GET" if self.body is None else "POST"

    def parameter(self, name: str) -> str | None:
        """Return a parameter's value; ``None`` if the request does not have it."""
        if self.body is not None:
            value = self._values().get(name)
            return None if value is None else str(value)
        values = parse_qs(urlsplit(self.url).query, keep_blank_values=True).get(name)
        return values[0] if values else None

    def replace(self, name: str, value: str) -> PageRequest:
        """Return the same request with one parameter set; all others stay unchanged."""
        if self.body is not None:
            return PageRequest(self.url, msgspec.json.encode({**self._values(), name: value}).decode())
        parts = urlsplit(self.url)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        others = [pair for pair in pairs if pair[0] != name]
        query = urlencode([*others, (name, value)])
        return self.at(parts._replace(query=query).geturl())

    def at(self, url: str) -> PageRequest:
        """Return the same request with another URL."""
        return PageRequest(url, self.body)

    def relative_to(self, base_url: str) -> PageRequest:
        """Return the request without its scheme, host and port, which may change before a later try."""
        return self.at(self.url.removeprefix(base_url))

    def _values(self) -> dict[str, Any]:
        return msgspec.json.decode(self.body or "{}", type=dict[str, Any])
