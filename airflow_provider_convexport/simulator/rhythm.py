"""Day and night: moves times within their UTC day, so that most of them lie in the hours of business."""

from __future__ import annotations

from itertools import accumulate
from typing import Final

from airflow_provider_convexport.simulator.times import DAY

_HOURS: Final = 24
_MONDAY: Final = 3
"""What to add to a number of days since the epoch, a Thursday, to have weeks begin on Monday."""
_WEEKEND_BEGINS: Final = 5

_WEEKDAY_LOAD: Final = (
    6, 4, 3, 3, 4, 8, 18, 38, 66, 88, 96, 90, 78, 86, 98, 100, 92, 78, 64, 54, 44, 32, 20, 11,
)  # fmt: skip
_WEEKEND_LOAD: Final = (
    14, 9, 6, 5, 5, 6, 10, 18, 32, 50, 64, 70, 68, 64, 62, 62, 64, 68, 74, 76, 68, 52, 36, 24,
)  # fmt: skip
"""How many messages come in each hour of the day, in UTC."""


def in_rhythm(at: int) -> int:
    """Return another time of the same UTC day.

    Times that are spread evenly come out as dense as people write: most by day, few at night, and at the
    weekend later and more evenly. Order is kept, and so is the number of times of every day.

    :param at: A time in microseconds since the epoch, like the result.
    """
    day, rest = divmod(at, DAY)
    knots = _WEEKEND if (day + _MONDAY) % 7 >= _WEEKEND_BEGINS else _WEEKDAY
    part, inside = divmod(rest * _HOURS, DAY)
    return day * DAY + knots[part] + (knots[part + 1] - knots[part]) * inside // DAY


def _knots(load: tuple[int, ...]) -> tuple[int, ...]:
    """Return the times of day at which 0, 1/24, 2/24, ... of a day's messages have come."""
    before, whole = (0, *accumulate(load)), sum(load)
    knots, hour = [0], 0
    for part in range(1, _HOURS):
        while before[hour + 1] * _HOURS < part * whole:
            hour += 1
        share = (part * whole - before[hour] * _HOURS) / (load[hour] * _HOURS)
        knots.append(int((hour + share) * DAY / _HOURS))
    return (*knots, DAY)


_WEEKDAY: Final = _knots(_WEEKDAY_LOAD)
_WEEKEND: Final = _knots(_WEEKEND_LOAD)
