"""Values that appear in the records: message texts, and JSON values that careless readers misread."""

from __future__ import annotations

from typing import Any, Final

from airflow_provider_convexport.simulator.json_templates import Raw


def _nested(depth: int) -> dict[str, Any]:
    inner: dict[str, Any] = {"bottom": Raw("[[[1.50]]]")}
    for level in range(depth):
        inner = {f"level_{depth - level}": inner}
    return inner


EDGE_CASES: Final[tuple[Any, ...]] = (
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
"""JSON values that careless readers misread; record shape ``n`` of a vendor contains value ``n``."""

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
"""Message texts, both plain ones and edge cases."""
