"""Wording and formats that several commands share: lists, limits, calendars and JSON values."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from airflow_provider_convexport.durations import in_words
from airflow_provider_convexport.export.window import iso

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date, timedelta

    from airflow_provider_convexport.export.fetch.limit import Limit
    from airflow_provider_convexport.export.window import Window

_RULER = " " * 9 + "".join(str(day % 10) for day in range(1, 32))


def counted(count: int, noun: str) -> str:
    """Return ``"1 partition"`` or ``"5 partitions"``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def list_of(windows: Iterable[Window]) -> str:
    """Return windows with commas between them, or ``"nothing"``."""
    return ", ".join(map(str, windows)) or "nothing"


def rates(limits: Iterable[Limit]) -> str:
    """Return rate limits in words: ``"3 per second per endpoint, 15,000 per day"``."""
    return ", ".join(map(_rate, limits))


def _rate(limit: Limit) -> str:
    count, *units = in_words(limit.period).split(" ")
    period = units[0] if count == "1" and len(units) == 1 else in_words(limit.period)
    return f"{limit.requests:,} per {period}" + (" per endpoint" if limit.per_endpoint else "")


def time_in_words(length: timedelta) -> str:
    """Return a minimum of time: ``"at least 4 seconds"``, or ``"less than a second"``."""
    return f"at least {in_words(length)}" if length else "less than a second"


def named_values(values: Mapping[str, str]) -> str:
    """Return each name and value with a comma in front: ``", bot_name=support"``."""
    return "".join(f", {name}={value}" for name, value in values.items())


def calendar(days: Iterable[tuple[date, str]]) -> Iterator[str]:
    """Yield a line for each month with a character for each day, below a line of the days' last digits.

    :param days: Days with their characters, in order of time.
    """
    yield _RULER
    for (year, month), group in groupby(days, key=lambda day: (day[0].year, day[0].month)):
        marks = {day.day: mark for day, mark in group}
        line = "".join(marks.get(day, " ") for day in range(1, 32))
        yield f"{year:04}-{month:02}  {line}".rstrip()


def bounds(window: Window) -> list[str]:
    """Return a window as JSON values: two ISO-8601 texts in UTC, the start inclusive, the end exclusive."""
    return [iso(window.start), iso(window.end)]


def all_bounds(windows: Iterable[Window]) -> list[list[str]]:
    """Return the `bounds` of each window."""
    return [bounds(window) for window in windows]
