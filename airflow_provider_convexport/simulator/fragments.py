"""JSON text composed so that awkward number tokens and escapes survive exactly as written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Raw:
    """JSON text that is put into a record as it stands.

    :param text: One JSON value, already encoded.
    """

    text: str


class Slot(Raw):
    """A place in a template that :func:`fill` replaces.

    :param text: The ``%(name)b`` directive; made by :func:`slot`.
    """


def slot(name: str) -> Slot:
    """Return the place called ``name``; its value must be complete JSON text."""
    return Slot(f"%({name})b")


def compose(value: Any) -> bytes:
    """Encode ``value`` compactly, keeping non-ASCII characters and every :class:`Raw` as they are."""
    return _encode(value, raws=[]).encode()


def template(value: Any) -> bytes:
    """Encode ``value`` as a template for the ``%`` operator of bytes: only slots are directives."""
    raws: list[Raw] = []
    return _encode(value, raws=raws, percent="%%").encode()


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


def _nested(depth: int) -> dict[str, Any]:
    inner: dict[str, Any] = {"bottom": Raw("[[[1.50]]]")}
    for level in range(depth):
        inner = {f"level_{depth - level}": inner}
    return inner


ODDITIES: Final[tuple[Any, ...]] = (
    Raw(
        "[9007199254740993,18446744073709551617,-9223372036854775809,340282366920938463463374607431768211456]"
    ),
    Raw("[1.10,1E5,-0.0,12345678901234567890.123456789,1e-7,0.30000000000000004]"),
    Raw(r'"caf\u00e9 \/ \ud83d\ude00 \u0000 \u2028 \u007f"'),
    "raw \u2028 and \u2029 and \x85 and \ufeff and é and \U0001f600",
    'He said "hi" \\ back\\slash,\ttab,\nnew line,\r\nand 100% more',
    '"data":[ {"_id": "not a record"} ], "results":[',
    'first line\n{"_id":"not a record"}\n[',
    {"": "", "nothing": None, "list": [], "object": {}, "blank": " "},
    _nested(20),
    {"future": {"field": [True, False, None, {"seen": Raw("1.0")}]}, "kéy \u2028": "value"},
    {"data": [{"_id": "inner"}], "results": [], "items": [], "cursor": "inner", "next": "inner"},
    "long " * 400,
)
"""Values that break careless readers; each lands in its own share of the records."""

TEXTS: Final[tuple[Any, ...]] = (
    "Where is my parcel?",
    "It arrives on Monday.",
    "",
    "Danke schön \U0001f600",
    'She wrote "cancel" and then \\ nothing.',
    "line one\nline two\ttabbed",
    Raw(r'"caf\u00e9 \ud83d\ude00 https:\/\/example.com\/a"'),
    "separators \u2028 \u2029 \x85 inside",
    'looks like "data":[ but is not',
    'a newline and a brace\n{"id": 1}',
    Raw(r'"nul \u0000 inside"'),
    "100% sure, thank you",
    "<p>Hello &amp; welcome</p>",
    "訂單在哪裡?",
    "null",
    "0",
)
"""Message texts, plain and awkward."""
