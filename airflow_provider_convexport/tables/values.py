"""Coercions: what a JSON value becomes in a column.

Each takes a value and a function ``note``. It returns what the column holds, or ``None`` after it has handed
a value of an unexpected shape to ``note``. None ever raises. Values that are null never reach them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeVar

import msgspec

from airflow_provider_convexport.export.fetch.moment import moment_of
from airflow_provider_convexport.tables.members import Unreadable, decoded, items_of, kind_of_text

ValueT = TypeVar("ValueT")


class Note(Protocol):
    """Counts a value of an unexpected shape."""

    def __call__(self, value: object, /) -> ValueT | None:
        """Count the value and return ``None``."""


Coercion = Callable[[Any, Note], Any]

_AWARE: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - naive text means UTC
_NUMBER: Final = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,4})?")
_SECOND: Final = 1_000_000
_EARLIEST: Final = -62_135_596_800 * _SECOND
_LATEST: Final = 253_402_300_800 * _SECOND
"""The years 1 to 9999, half-open, in microseconds since the epoch."""
_KINDS: Final = {type(None): "null", bool: "boolean", int: "number", float: "number", str: "string",
                 list: "array", dict: "object"}  # fmt: skip


def kind_of(value: object) -> str:
    """Return the JSON kind of a value."""
    if isinstance(value, Unreadable):
        return value.kind
    if isinstance(value, msgspec.Raw):
        return kind_of_text(bytes(value))
    return _KINDS[type(value)]


def text(value: object, note: Note) -> str | None:
    """Text as it is."""
    return value if type(value) is str else note(value)


def filled_text(value: object, note: Note) -> str | None:
    """Text; empty text is null."""
    if type(value) is str:
        return value or None
    return note(value)


def named_text(value: object, note: Note) -> str | None:
    """Text; the word ``None``, which stands for null, and empty text are null."""
    if type(value) is str:
        return None if value in {"None", ""} else value
    return note(value)


def identifier(value: object, note: Note) -> str | None:
    """Return an id: text, or a whole number as text."""
    if type(value) is str:
        return value
    return f"{value:d}" if type(value) is int and abs(value) < 10**40 else note(value)


def flag(value: object, note: Note) -> bool | None:
    """Return true or false."""
    return value if type(value) is bool else note(value)


def number(value: object, note: Note) -> float | None:
    """Return a finite number; one that is written as text is read."""
    if type(value) is float and math.isfinite(value):
        return value
    if type(value) is int or (type(value) is str and _NUMBER.fullmatch(value)):
        try:
            read = float(value)
        except OverflowError:
            return note(value)
        return read if math.isfinite(read) else note(value)
    return note(value)


def utc_text(value: object, note: Note) -> int | None:
    """Return the microseconds since the epoch of an ISO-8601 time; without an offset it is UTC.

    Digits beyond microseconds are cut off.
    """
    if type(value) is not str:
        return note(value)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        seconds = moment_of(value)  # knows 24:00 and leap seconds
        return note(value) if seconds is None else round(seconds * _SECOND)
    since = moment - (_NAIVE if moment.tzinfo is None else _AWARE)
    micros = (since.days * 86_400 + since.seconds) * _SECOND + since.microseconds
    return micros if _EARLIEST <= micros < _LATEST else note(value)


def utc_text_or_empty(value: object, note: Note) -> int | None:
    """Return what `utc_text` does; an empty object is null."""
    return None if value == {} else utc_text(value, note)


def epoch(value: object, note: Note) -> int | None:
    """Return the microseconds since the epoch of seconds: an integer, a float, or either as text.

    Milliseconds are not mistaken for seconds: they would lie beyond the year 9999, and are of an unexpected
    shape. Digits beyond microseconds never move a time to the next second.
    """
    if type(value) is int:
        micros = value * _SECOND
    elif type(value) is float and -1e14 < value < 1e14:
        micros = round(value * _SECOND)
        if micros % _SECOND == 0 and micros // _SECOND > value:
            micros -= 1
    elif type(value) is str and _NUMBER.fullmatch(value):
        seconds = decoded(value.encode())
        return epoch(seconds, note) if type(seconds) in {int, float} else note(value)
    else:
        return note(value)
    return micros if _EARLIEST <= micros < _LATEST else note(value)


def strings(value: object, note: Note) -> list[str | None] | None:
    """Return a list of text; an item that is something else is null in its place."""
    if type(value) is not list:
        return note(value)
    return [item if item is None or type(item) is str else note(item) for item in value]


def member_texts(*names: str) -> Coercion:
    """Return a coercion of a list of objects to the text that each has under the first of ``names``."""
    first = names[0]

    def texts(value: object, note: Note) -> list[str | None] | None:
        if type(value) is not list:
            return note(value)
        return [
            found
            if type(item) is dict and type(found := item.get(first)) is str
            else member_text(item, names, note)
            for item in value
        ]

    return texts


def member_text(value: object, names: tuple[str, ...], note: Note) -> str | None:
    """Return the text that an object has under the first of ``names`` that it has."""
    if type(value) is not dict:
        return None if value is None else note(value)
    found = next((value[name] for name in names if value.get(name) is not None), None)
    return None if found is None else text(found, note)


def json_object(value: msgspec.Raw, note: Note) -> bytes | None:
    """Return an object as its JSON text in UTF-8."""
    written = bytes(value)
    if written.startswith(b"{"):
        return written
    return None if written == b"null" else note(value)


def count(value: msgspec.Raw, note: Note) -> int | None:
    """Return how many items an array has."""
    found = items_of(value)
    if found is not None:
        return len(found)
    return None if bytes(value) == b"null" else note(value)


UNCHANGED: Final[Mapping[Coercion, frozenset[type]]] = {
    text: frozenset((str,)),
    identifier: frozenset((str,)),
    flag: frozenset((bool,)),
}
"""For coercions the types whose values all stay as they are."""
