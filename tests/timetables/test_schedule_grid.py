from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.window import Window
from airflow_provider_convexport.timetables.schedule_grid import (
    EPOCH,
    HORIZON,
    MAX_DAYS,
    ScheduleGrid,
)

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/Santiago",
    "America/Havana",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kwajalein",
    "Asia/Kathmandu",
)
MOMENTS = st.datetimes(datetime(1901, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants them naive


@st.composite
def grids(draw):
    unit = draw(st.sampled_from(["days", "weeks", "months"]))
    size = draw(st.integers(1, 70)) if unit == "days" else 1
    lengths = st.none() | st.just(size * DAY) | st.timedeltas(size * DAY, 70 * DAY + 5 * HOUR)
    return ScheduleGrid(unit, size, draw(lengths), draw(st.sampled_from(ZONES)))


def windows_from(grid, moment, count=12):
    windows = [grid.window_at(moment)]
    while len(windows) < count:
        windows.append(grid.window_at(windows[-1].end))
    return windows


def is_local_midnight(moment, zone):
    """Whether a local day begins here: the instant before belongs to an earlier date."""
    return (moment - MICROSECOND).astimezone(zone).date() < moment.astimezone(zone).date()


@settings(max_examples=200, deadline=None)
@given(grid=grids(), moment=MOMENTS)
def test_windows_are_contiguous(grid, moment):
    assert all(one.end == other.start for one, other in pairwise(windows_from(grid, moment)))


@settings(max_examples=200, deadline=None)
@given(grid=grids(), moment=MOMENTS)
def test_every_moment_lies_in_the_window_that_is_found_for_it(grid, moment):
    window = grid.window_at(moment)

    assert window.start <= moment < window.end


@settings(max_examples=200, deadline=None)
@given(grid=grids(), moment=MOMENTS, part=st.floats(0, 1, exclude_max=True))
def test_all_moments_of_a_window_find_the_same_window(grid, moment, part):
    window = grid.window_at(moment)

    assert grid.window_at(window.start) == window
    assert grid.window_at(window.end - MICROSECOND) == window
    assert grid.window_at(min(window.start + part * window.length, window.end - MICROSECOND)) == window


@settings(max_examples=200, deadline=None)
@given(grid=grids(), moment=MOMENTS)
def test_no_window_is_longer_than_the_maximum(grid, moment):
    for window in windows_from(grid, moment):
        assert grid.max_length is None or window.length <= grid.max_length


@settings(max_examples=200, deadline=None)
@given(grid=grids(), moment=MOMENTS)
def test_windows_begin_and_end_with_local_days_unless_a_day_itself_is_too_long(grid, moment):
    for window in windows_from(grid, moment):
        if grid.max_length is None or grid.max_length >= DAY + 2 * HOUR:
            assert is_local_midnight(window.start, grid.zone)
            assert is_local_midnight(window.end, grid.zone)


@settings(max_examples=200, deadline=None)
@given(grid=grids(), moment=MOMENTS)
def test_a_day_that_is_too_long_is_divided_into_parts_of_that_same_day(grid, moment):
    for window in windows_from(grid, moment):
        if not is_local_midnight(window.start, grid.zone):
            first, last = (each.astimezone(grid.zone) for each in (window.start, window.end - MICROSECOND))
            assert first.date() == last.date()


@settings(max_examples=200, deadline=None)
@given(grid=grids(), moment=MOMENTS)
def test_the_last_complete_window_is_the_one_before_the_current_one(grid, moment):
    complete = grid.complete_by(moment)

    assert complete.end == grid.window_at(moment).start <= moment


@settings(max_examples=200, deadline=None)
@given(grid=grids(), moment=MOMENTS)
def test_after_a_window_of_the_grid_comes_the_next_one(grid, moment):
    window = grid.window_at(moment)

    assert grid.after(window.start, window.end) == grid.window_at(window.end)


@settings(max_examples=200, deadline=None)
@given(grid=grids(), start=MOMENTS, length=st.timedeltas(timedelta(0), 40 * DAY))
def test_after_another_interval_nothing_is_left_out_or_exported_twice(grid, start, length):
    end = start + length

    window = grid.after(start, end)

    assert window.start > start
    assert window.end == grid.window_at(window.start).end
    if length:
        assert window.start == end


@pytest.mark.parametrize(("unit", "size"), [("days", 7), ("days", 14), ("weeks", 1)])
def test_days_are_counted_from_a_monday(unit, size):
    window = ScheduleGrid(unit, size, None, "UTC").window_at(datetime(1970, 1, 7, tzinfo=UTC))

    assert window.start.date() == EPOCH == date(1970, 1, 5)
    assert window.start.strftime("%A") == "Monday"


def test_a_month_is_divided_into_parts_that_differ_by_a_day_at_most():
    parts = windows_from(
        ScheduleGrid("months", 1, 10 * DAY, "UTC"), datetime(2026, 5, 1, tzinfo=UTC), count=4
    )

    assert [part.length // DAY for part in parts] == [8, 8, 8, 7]
    assert parts[-1].end == datetime(2026, 6, 1, tzinfo=UTC)


def test_moments_outside_the_calendar_find_the_nearest_window():
    grid = ScheduleGrid("months", 1, None, "UTC")

    assert grid.window_at(datetime(1, 1, 1, tzinfo=UTC)).start == datetime(1900, 1, 1, tzinfo=UTC)
    assert grid.window_at(datetime(9999, 12, 31, tzinfo=UTC)).start == HORIZON


def test_a_moment_without_a_time_zone_is_refused():
    with pytest.raises(ValueError, match="has no time zone"):
        ScheduleGrid("days", 1, None, "UTC").window_at(datetime(2026, 1, 1))  # noqa: DTZ001 - that is the test


def test_a_size_beyond_the_maximum_length_is_refused_in_words():
    with pytest.raises(
        ConfigurationError, match=r"^size=31 days is longer than max_length=30 days; use size=30\.$"
    ):
        ScheduleGrid("days", 31, 30 * DAY, "UTC")
    with pytest.raises(ConfigurationError, match=rf"from 1 to {MAX_DAYS} days; leave it out for no limit\.$"):
        ScheduleGrid("days", 1, 23 * HOUR, "UTC")


def test_a_skipped_local_day_leaves_no_empty_window():
    """There was no 30 December 2011 in Apia."""
    grid = ScheduleGrid("days", 1, None, "Pacific/Apia")
    noon = datetime(2011, 12, 29, 12, tzinfo=ZoneInfo("Pacific/Apia"))

    first, second = windows_from(grid, noon, count=2)

    assert first == Window(datetime(2011, 12, 29, 10, tzinfo=UTC), datetime(2011, 12, 30, 10, tzinfo=UTC))
    assert second.start.astimezone(grid.zone).date() == date(2011, 12, 31)


def test_a_day_of_25_hours_does_not_divide_a_month_into_single_days():
    grid = ScheduleGrid("months", 1, 2 * DAY, "Europe/Berlin")
    october = [
        window
        for window in windows_from(grid, datetime(2026, 9, 30, 22, tzinfo=UTC), count=17)
        if window.start < datetime(2026, 10, 31, 23, tzinfo=UTC)
    ]

    assert len(october) == 16
    assert sorted({window.length for window in october}) == [25 * HOUR, 48 * HOUR]
    assert october[-1].end == datetime(2026, 10, 31, 23, tzinfo=UTC)
