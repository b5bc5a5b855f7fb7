"""Where a link leads; it comes from the vendor and is not trusted."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urljoin, urlsplit

_UNSAFE = re.compile(r"[\\\x00-\x20\x7f]")


def target_of(link: str, url: str) -> SplitResult | None:
    """Return the URL of ``link`` in the response of ``url``; ``None`` if it is ambiguous or invalid."""
    if _UNSAFE.search(link):
        return None
    try:
        return urlsplit(urljoin(url, link))
    except ValueError:
        return None


def origin_of(parts: SplitResult) -> tuple[str, str | None, int | None]:
    """Return scheme, host and port; nothing that equals an origin if the port is invalid."""
    try:
        port = parts.port
    except ValueError:
        return ("", None, None)
    return (parts.scheme, parts.hostname, port or {"http": 80, "https": 443}.get(parts.scheme))
