"""Reads a vendor's own reason from the body of a refusal: error types and names of parameters, never values.

Free text is left out, because it could repeat a key, a filter or a record. A name is shown only if it looks
like an identifier, so that control characters and sentences cannot pass for one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
import urllib3

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 2**14
"""This much of a body is read at most; a longer one is not decoded."""

_NAMED = {
    "type": "type", "code": "type", "error_code": "type",
    "parameter": "parameter", "param": "parameter", "field": "parameter", "loc": "parameter",
}  # fmt: skip
"""Keys of error objects whose value is an identifier, and what it is called in the message."""
_ENVELOPES = frozenset(("errors", "error", "detail", "details", "data", "message", "messages"))
_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z_0-9.$\[\]-]{0,49}")
_MAX_NAMES = 6
_MAX_DEPTH = 6


def reason_of(response: urllib3.BaseHTTPResponse) -> str:
    """Return what a refusal names, from a response whose body was not read yet; see `reason_in`."""
    try:
        return reason_in(response.read(MAX_BYTES + 1, decode_content=True))
    except (OSError, urllib3.exceptions.HTTPError):
        return ""  # the status counts, even if the body breaks off


def reason_in(body: bytes) -> str:
    """Return what a refusal names, such as ``"type validation_error, parameter $.created_to"``.

    :param body: The body as received; anything is accepted, such as HTML of a gateway.
    :returns: At most six names; empty if the body names nothing.
    """
    if len(body) > MAX_BYTES:
        return ""
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    names = dict.fromkeys(f"{kind} {name}" for kind, name in _names(answer, _MAX_DEPTH) if _is_name(name))
    return ", ".join(list(names)[:_MAX_NAMES])


def _names(value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    """Yield each name in an error object with its kind, in the order of the body."""
    if depth == 0:
        return
    if isinstance(value, list):
        for each in value:
            yield from _names(each, depth - 1)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key in _NAMED and isinstance(inner, str):
                yield _NAMED[key], inner
            elif key not in _ENVELOPES and _is_list_of_texts(inner):
                yield "parameter", key  # {"created_at__range": ["Enter a valid range."]}
            else:
                yield from _names(inner, depth - 1)


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, str) for each in value)


def _is_name(text: str) -> bool:
    return _IDENTIFIER.fullmatch(text) is not None
