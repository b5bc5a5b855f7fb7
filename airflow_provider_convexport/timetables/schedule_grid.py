"""The schedule windows of a timetable: contiguous, without overlaps, and never longer than a maximum.

Plain calendar arithmetic, without Airflow and without a clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, get_args

from airflow_provider_convexport.durations import in_words
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.window import Window, utc, zone_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

Unit = Literal["days", "weeks", "months"]

DAY = timedelta(days=1)
EPOCH = date(1970, 1, 5)
"""Blocks of days are counted from here: a Monday, so that blocks of 7 and 14 days begin where weeks do."""

MAX_DAYS = 366
HORIZON = datetime(9000, 1, 1, tzinfo=UTC)
"""Nothing is scheduled from here on, so that calendar arithmetic cannot overflow."""
_FIRST_MOMENT = datetime(1900, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class ScheduleGrid:
    """Divides time into schedule windows: each moment from 1900 to 9000 lies in exactly one of them.

    Schedule windows consist of whole days of the time zone; where daylight saving time begins or ends, a day
    has 23 or 25 hours. A block of days, a week or a month whose real length exceeds ``max_length`` is divided
    into the fewest parts of about equal length, of whole days where that is possible.

    :param unit: ``"days"``, ``"weeks"`` (from Monday) or ``"months"``.
    :param size: Days per window, 1 to 366, counted from Monday, 1970-01-05; 1 for weeks and months.
    :param max_length: Maximum length of a window, from 1 to 366 days; ``None`` for no maximum.
    :param timezone: IANA name of the time zone.
    :raises ConfigurationError: if an argument is invalid; says what to write instead.
    """

    unit: Unit
    size: int
    max_length: timedelta | None
    timezone: str
    zone: ZoneInfo = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.unit not in get_args(Unit):
            raise ConfigurationError(f"unit={self.unit!r} is not one of {list(get_args(Unit))}.")
        _check_size(self.size, self.unit)
        if self.max_length is not None:
            _check_max_length(self.max_length, self.size)
        object.__setattr__(self, "zone", zone_of(self.timezone, argument="timezone"))

    def window_at(self, moment: datetime) -> Window:
        """Return the window that contains ``moment``; for a moment before 1900 or after 9000 the nearest one.

        :raises ValueError: if ``moment`` has no time zone.
        """
        moment = min(max(utc(moment), _FIRST_MOMENT), HORIZON)
        block = self._block_of(moment.astimezone(self.zone).date())
        # Where a zone crossed the date line, a moment's local date may belong to the next or previous block.
        while self._midnight(self._first_day(block)) > moment:
            block -= 1
        while self._midnight(self._first_day(block + 1)) <= moment:
            block += 1
        return next(window for window in self._windows(block) if moment < window.end)

    def complete_by(self, moment: datetime) -> Window:
        """Return the last window that ends at ``moment`` or earlier."""
        return self.window_at(self.window_at(moment).start - _MICROSECOND)

    def after(self, start: datetime, end: datetime) -> Window:
        """Return the window that follows the interval ``start <= t < end``.

        An interval of another schedule may end inside a window. Then the result is the rest of that window,
        so that nothing is left out and nothing is exported twice. The result always begins later than
        ``start``, since two runs of a Dag cannot have the same logical date.
        """
        window = self.window_at(end)
        rest = Window(max(window.start, utc(end)), window.end)
        return rest if rest.start > utc(start) else self.window_at(window.end)

    def _block_of(self, day: date) -> int:
        if self.unit == "months":
            return (day.year - 1970) * 12 + day.month - 1
        return (day - EPOCH).days // self._days

    def _first_day(self, block: int) -> date:
        if self.unit == "months":
            return date(1970 + block // 12, block % 12 + 1, 1)
        return EPOCH + block * self._days * DAY

    @property
    def _days(self) -> int:
        return 7 if self.unit == "weeks" else self.size

    def _windows(self, block: int) -> list[Window]:
        first, last = self._first_day(block).toordinal(), self._first_day(block + 1).toordinal()
        # A set, because a zone that crosses the date line skips a day.
        midnights = sorted({self._midnight(date.fromordinal(day)) for day in range(first, last + 1)})
        return _divide(midnights, self.max_length)

    def _midnight(self, day: date) -> datetime:
        """Return when a local day begins, in UTC; if its midnight is skipped, the moment of the change."""
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)


def _divide(midnights: Sequence[datetime], max_length: timedelta | None) -> list[Window]:
    days = len(midnights) - 1
    if max_length is None:
        return [Window(midnights[0], midnights[-1])]
    if any(end - start > max_length for start, end in pairwise(midnights)):
        return [part for start, end in pairwise(midnights) for part in Window(start, end).split(max_length)]
    filled = _filled(midnights, max_length)
    for parts in range(math.ceil((midnights[-1] - midnights[0]) / max_length), len(filled) + 1):
        edges = [midnights[math.ceil(days * part / parts)] for part in range(parts + 1)]
        windows = [Window(start, end) for start, end in pairwise(edges)]
        if all(window.length <= max_length for window in windows):
            return windows
    return filled  # equal parts would be more of them, because one of the days has 25 hours


def _filled(midnights: Sequence[datetime], max_length: timedelta) -> list[Window]:
    """Return the fewest parts of whole days: each has as many days as fit."""
    windows: list[Window] = []
    for start, end in pairwise(midnights):
        if windows and end - windows[-1].start <= max_length:
            windows[-1] = Window(windows[-1].start, end)
        else:
            windows.append(Window(start, end))
    return windows


def _check_size(size: int, unit: Unit) -> None:
    if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= MAX_DAYS:
        raise ConfigurationError(f"size={size!r} is not a whole number of days from 1 to {MAX_DAYS}.")
    if unit != "days" and size != 1:
        raise ConfigurationError(f"size={size} is for unit='days' only; leave it out for unit={unit!r}.")


def _check_max_length(length: timedelta, size: int) -> None:
    if not isinstance(length, timedelta) or not DAY <= length <= MAX_DAYS * DAY:
        raise ConfigurationError(
            f"max_length={length!r} is not a timedelta from 1 to {MAX_DAYS} days; leave it out for no limit."
        )
    if size * DAY > length:
        raise ConfigurationError(
            f"size={size} days is longer than max_length={in_words(length)}; use size={length // DAY}."
        )
