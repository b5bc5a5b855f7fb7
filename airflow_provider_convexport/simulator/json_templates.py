"""JSON templates for records, which keep number tokens and escape sequences exactly as written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Raw:
    """JSON text that is copied into a record unchanged.

    :param text: One encoded JSON value.
    """

    text: str


class Slot(Raw):
    """A placeholder in a template; use :func:`slot` to create one.

    :param text: The ``%(name)b`` directive.
    """


def slot(name: str) -> Slot:
    """Return the placeholder ``name``; the value that replaces it must be a complete JSON value."""
    return Slot(f"%({name})b")


def compact_json(value: Any) -> bytes:
    """Encode ``value`` without white space; non-ASCII characters and :class:`Raw` values stay as they are."""
    return _encode(value, raws=[]).encode()


def template(value: Any) -> bytes:
    """Encode ``value`` as a template for the ``%`` operator of bytes; only slots become directives."""
    raws: list[Raw] = []
    return _encode(value, raws=raws, percent="%%").encode()


def quoted(text: str) -> bytes:
    """Return ``text`` as a JSON string; it must not contain characters that JSON escapes."""
    return b'"%b"' % text.encode()


def _encode(value: Any, *, raws: list[Raw], percent: str = "%") -> str:
    def mark(raw: object) -> str:
        if not isinstance(raw, Raw):
            raise TypeError(f"Not JSON: {raw!r}.")
        raws.append(raw)
        return f"<raw {len(raws) - 1}>"

    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=mark)
    text = text.replace("%", percent)
    for number, raw in enumerate(raws):
        inner = raw.text if isinstance(raw, Slot) else raw.text.replace("%", percent)
        text = text.replace(f'"<raw {number}>"', inner, 1)
    return text
