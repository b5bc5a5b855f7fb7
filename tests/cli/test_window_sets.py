from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_convexport.cli.window_sets import clip_to, gaps, overlaps, union
from airflow_provider_convexport.export.window import Window

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
HOURS = 40


def window(start, length):
    return Window(BEGIN + timedelta(hours=start), BEGIN + timedelta(hours=start + length))


def hours(windows):
    """How many of the windows hold each hour, in order of the hours."""
    return [
        sum(1 for each in windows if each.start <= BEGIN + timedelta(hours=hour) < each.end)
        for hour in range(HOURS)
    ]


WINDOWS = st.lists(st.builds(window, st.integers(0, 25), st.integers(1, 14)), max_size=7)
SPAN = st.builds(window, st.integers(0, 25), st.integers(1, 14))


@given(windows=WINDOWS)
def test_a_union_covers_the_same_hours_once(windows):
    assert hours(union(windows)) == [min(count, 1) for count in hours(windows)]


@given(windows=WINDOWS)
def test_neighbours_in_a_union_do_not_touch(windows):
    joined = union(windows)

    assert all(one.end < other.start for one, other in pairwise(joined))


@given(span=SPAN, windows=WINDOWS)
def test_gaps_and_what_is_covered_make_up_the_span(span, windows):
    missing, there = gaps(span, windows), clip_to(span, union(windows))

    assert hours(missing + there) == hours([span])


@given(windows=WINDOWS)
def test_overlaps_are_the_hours_of_more_than_one_window(windows):
    assert hours(overlaps(windows)) == [int(count > 1) for count in hours(windows)]
