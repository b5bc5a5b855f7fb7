"""A record's time as the vendors write it: a number, or text of ISO 8601."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

_NUMBERS = frozenset((int, float))
_LEAP_SECOND = re.compile(r"(.+[T ]\d\d:\d\d):60(.*)")
_MIDNIGHT_24 = re.compile(r"(.+[T ])24(:00(?::00(?:\.0+)?)?(?:Z|[+-].*)?)")
_EARLIEST = datetime.min.replace(tzinfo=UTC).timestamp()
_LATEST = datetime.max.replace(tzinfo=UTC, microsecond=0).timestamp()


def moments_of(values: list[Any]) -> list[float | None]:
    """Return the times of many records; see `moment_of`. A list of valid numbers is returned as it is."""
    if not values or (
        set(map(type, values)) <= _NUMBERS and min(values) >= _EARLIEST and max(values) <= _LATEST
    ):
        return values
    return [moment_of(value) for value in values]


def moment_of(value: Any) -> float | None:
    """Return a record's time as epoch seconds, or ``None`` if it has no valid time.

    Numbers are epoch seconds; ISO-8601 text without an offset is in UTC, as all three vendors intend.
    Digits beyond microseconds are truncated, not rounded, so that no record moves to the next day. A leap
    second is read as the second after it, and 24:00 as midnight of the next day. A number beyond the year
    9999, such as milliseconds instead of seconds, is not a valid time.
    """
    seconds = _seconds(value)
    return seconds if seconds is not None and _EARLIEST <= seconds <= _LATEST else None


def _seconds(value: Any) -> float | None:
    if isinstance(value, str):
        text, extra = _on_the_clock(value)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() + extra
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    return None


def _on_the_clock(text: str) -> tuple[str, int]:
    """Return a time in a form that Python can parse, and the seconds to add to it.

    ISO 8601 allows 24:00 for the end of a day and 60 for a leap second; Python's parser allows neither.
    """
    if match := _LEAP_SECOND.fullmatch(text):
        return f"{match[1]}:59{match[2]}", 1
    if match := _MIDNIGHT_24.fullmatch(text):
        return f"{match[1]}00{match[2]}", 86_400
    return text, 0
