"""Moments and half-open windows in UTC: parsing, splitting, formatting."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from airflow_provider_convexport.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC, microsecond=0)


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A half-open span of time, ``start <= t < end``, always in UTC.

    :param start: Start of the window, inclusive.
    :param end: End of the window, exclusive.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.utcoffset() != timedelta(0) or self.end.utcoffset() != timedelta(0):
            raise ValueError(f"Window bounds must be UTC, got {self.start!r} and {self.end!r}.")
        if self.start >= self.end:
            raise ValueError(f"Window is empty: {self.start} is not before {self.end}.")

    def __str__(self) -> str:
        return f"{iso(self.start)}..{iso(self.end)}"

    @property
    def length(self) -> timedelta:
        """Length of the window."""
        return self.end - self.start

    def split(self, step: timedelta) -> Iterator[Window]:
        """Yield contiguous pieces no longer than ``step``; their union is exactly this window."""
        if step <= timedelta(0):
            raise ValueError(f"step must be positive, got {step}.")
        cursor = self.start
        while cursor < self.end:
            upper = cursor + min(step, self.end - cursor)
            yield Window(cursor, upper)
            cursor = upper

    def covers(self, other: Window) -> bool:
        """Return whether this window contains all of ``other``."""
        return self.start <= other.start and other.end <= self.end

    def reach(self, seam: timedelta) -> Window:
        """Return the window that reaches ``seam`` beyond both ends, rounded outwards to whole seconds.

        Vendors accept whole seconds only, and some do not treat the ends as their documentation says. So
        requests cover a little more, and records are filtered by their own time. Nothing lies before the year
        1 or after the year 9999.
        """
        start = (self.start - min(seam, self.start - _FIRST)).replace(microsecond=0)
        end = self.end + min(seam, _LAST - self.end)
        if end.microsecond:
            end = end.replace(microsecond=0) + timedelta(seconds=1)
        return Window(start, end)


def spanning(windows: Iterable[Window]) -> Window:
    """Return the window from the earliest start to the latest end of windows, at least one."""
    starts, ends = zip(*((window.start, window.end) for window in windows), strict=True)
    return Window(min(starts), max(ends))


def utc(moment: datetime) -> datetime:
    """Return ``moment`` as a standard-library datetime in UTC.

    Airflow passes pendulum values, and pendulum 3.3 drops the zone of ``moment.astimezone(UTC) + delta``;
    a value built from the parts does not have that problem.

    :raises ValueError: if ``moment`` has no time zone.
    """
    if moment.utcoffset() is None:
        raise ValueError(f"{moment.isoformat()} has no time zone; write it with one, such as a final 'Z'.")
    parts = moment.astimezone(UTC)
    return datetime(
        parts.year,
        parts.month,
        parts.day,
        parts.hour,
        parts.minute,
        parts.second,
        parts.microsecond,
        tzinfo=UTC,
    )


def parse_moment(value: object, *, of: str = "", naive_as_utc: bool = False) -> datetime:
    """Return a moment as a standard-library datetime in UTC.

    :param value: A datetime, such as Airflow's pendulum values, or ISO-8601 text.
    :param of: Name of the argument, for the message, such as ``"interval_start"``.
    :param naive_as_utc: Whether a value without a time zone is in UTC; otherwise it is an error.
    :raises ConfigurationError: if the value is not a moment, lacks a time zone, or lies outside the years
        1 to 9999 in UTC.
    """
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(moment, datetime):
            naive = moment.utcoffset() is None
            return utc(moment.replace(tzinfo=UTC) if naive and naive_as_utc else moment)
    except (ValueError, OverflowError):
        pass
    advice = (
        "is not a moment; write a day such as 2026-04-01, or a moment such as 2026-04-01T00:00:00Z."
        if naive_as_utc
        else "is not a moment with a time zone; write it like 2026-04-01T00:00:00Z."
    )
    raise ConfigurationError(f"{of}: {value!r} {advice}" if of else f"{value!r} {advice}")


def zone_of(name: str, *, argument: str) -> ZoneInfo:
    """Return a time zone by its IANA name.

    :param argument: Name of the argument, for the message.
    :raises ConfigurationError: if there is no such time zone.
    """
    try:
        return ZoneInfo(name)
    except (AttributeError, KeyError, OSError, TypeError, ValueError):
        raise ConfigurationError(
            f"{argument}={name!r} is not an IANA time zone; write a name such as 'UTC' or 'Europe/Berlin'."
        ) from None


def iso(moment: datetime) -> str:
    """Format a UTC moment as all vendors accept it: ``2026-04-01T00:00:00Z``, with its fraction if any."""
    return moment.isoformat().replace("+00:00", "Z")
