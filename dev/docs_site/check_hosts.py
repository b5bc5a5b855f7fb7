"""Fails if a page of the built site loads a script, style, font or picture from another host.

Usage: ``python dev/docs_site/check_hosts.py build/site``
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

_LOADING = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
_HARMLESS = frozenset(("canonical", "next", "prev", "alternate", "author", "license"))
_ELSEWHERE = re.compile(r"(?:https?:)?//")
_IN_STYLE = re.compile(r"url\(\s*['\"]?(?:https?:)?//|@import\s+['\"](?:https?:)?//")


class Loads(HTMLParser):
    """Collects what a page loads from other hosts.

    :ivar found: Addresses, in the order of the page.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one element."""
        values = dict(attrs)
        address = values.get(_LOADING.get(tag, "")) or ""
        if _ELSEWHERE.match(address) and not _HARMLESS & set((values.get("rel") or "").split()):
            self.found.append(address)


def loads_of(html: str) -> list[str]:
    """Return the addresses on other hosts that a page loads something from."""
    parser = Loads()
    parser.feed(html)
    return parser.found + (["a style sheet inside of the page"] if _IN_STYLE.search(html) else [])


def problems_of(site: Path) -> list[str]:
    """Return one sentence for each page or style sheet that loads something from another host."""
    pages = [
        f"{path.relative_to(site)} loads {address}"
        for path in sorted(site.rglob("*.html"))
        for address in loads_of(path.read_text())
    ]
    styles = (path for path in sorted(site.rglob("*.css")) if _IN_STYLE.search(path.read_text()))
    return pages + [f"{path.relative_to(site)} loads something from another host" for path in styles]


def main() -> None:
    """Check the folder that the command line names; exit with 1 and what was found, or say how many pages."""
    site = Path(sys.argv[1])
    if found := problems_of(site):
        sys.exit("\n".join(found))
    count = sum(1 for _ in site.rglob("*.html"))
    sys.stdout.write(f"{count} pages in {site}; nothing is loaded from another host.\n")


if __name__ == "__main__":
    main()
