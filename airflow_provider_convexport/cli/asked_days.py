"""Reads the days that a report is about from the options ``--from``, ``--to`` and ``--until``."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_convexport.cli.expected import AskedDays
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.window import Window

if TYPE_CHECKING:
    import argparse

_DAY = timedelta(days=1)
_FIRST = date(1970, 1, 1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def asked_days(options: argparse.Namespace) -> AskedDays:
    """Return the days of ``--from`` (inclusive), ``--to`` (exclusive) and ``--until`` (inclusive).

    :raises ConfigurationError: if one is not a day, or the range has no day.
    """
    if options.end is not None and options.until is not None:
        raise ConfigurationError("--to and --until both name the end of the range; leave one of them out.")
    first = _day(options.start, "--from")
    if options.until == "yesterday":
        return AskedDays(first, until_yesterday=True)
    last = _day(options.until, "--until")
    if options.end is not None and (end := _day(options.end, "--to")) is not None:
        last = end - _DAY
    if first is not None and last is not None and last < first:
        raise ConfigurationError(
            f"The range ends before it begins, at {first}; write a --from that is before its end."
        )
    return AskedDays(first, last)


def reading_span(asked: AskedDays, now: datetime) -> Window | None:
    """Return the span of time whose partitions must be read for a report; ``None`` for all.

    :param now: The current time, UTC.
    """
    if asked.first is None and asked.last is None:
        return None
    start = _EPOCH if asked.first is None else _midnight(asked.first)
    end = now if asked.last is None else min(_midnight(asked.last), now) + _DAY
    return Window(start, max(end, start + _DAY))


def _day(text: str | None, option: str) -> date | None:
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        word = ", or yesterday" if option == "--until" else ""
        raise ConfigurationError(
            f"{option} {text} is not a day; write one such as 2026-04-01{word}."
        ) from None
    if day <= _FIRST:
        raise ConfigurationError(f"{option} {text} is too early; write a day after {_FIRST}.")
    return day


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
