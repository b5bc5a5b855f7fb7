from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.fetch.availability import kept_from, settles_at
from tests.support.samples import DAY, HOUR, days, stream

NOW = datetime(2026, 11, 21, 7, 30, tzinfo=UTC)
YEAR = stream(history=365 * DAY)


def test_a_vendor_that_keeps_everything_has_all_of_every_interval():
    assert kept_from(days(1, start=datetime(1999, 1, 1, tzinfo=UTC)), stream(), NOW) is None


def test_an_interval_that_begins_right_at_the_limit_is_kept_whole():
    assert kept_from(days(1, start=NOW - 365 * DAY), YEAR, NOW) is None
    assert kept_from(days(1, start=NOW - 365 * DAY - timedelta(seconds=1)), YEAR, NOW) is not None


def test_of_an_older_interval_the_full_hours_are_left_that_last_for_ten_minutes_more():
    interval = days(3, start=datetime(2025, 11, 20, tzinfo=UTC))

    assert kept_from(interval, YEAR, NOW) == datetime(2025, 11, 21, 8, tzinfo=UTC)
    assert kept_from(interval, YEAR, NOW.replace(minute=50)) == datetime(2025, 11, 21, 8, tzinfo=UTC)
    assert kept_from(interval, YEAR, NOW.replace(minute=51)) == datetime(2025, 11, 21, 9, tzinfo=UTC)


@given(seconds=st.integers(0, 10**7), length=st.integers(1, 100))
def test_what_is_left_was_never_forgotten_and_loses_at_most_seventy_minutes(seconds, length):
    now = NOW + timedelta(seconds=seconds)
    limit = now - 365 * DAY
    begin = kept_from(days(length, start=limit - DAY), YEAR, now)

    assert limit + timedelta(minutes=10) <= begin < limit + timedelta(minutes=10) + HOUR
    assert (begin.minute, begin.second, begin.microsecond) == (0, 0, 0)


def test_an_interval_settles_when_the_vendors_lag_has_passed_since_its_end():
    assert settles_at(days(1), stream(settle=2 * HOUR)) == days(1).end + 2 * HOUR
    assert settles_at(days(1), stream()) == days(1).end


@pytest.mark.parametrize("settle", [timedelta(0), timedelta(minutes=5), 30 * DAY])
def test_the_vendors_lag_may_be_replaced_and_then_needs_no_vendor(settle):
    assert settles_at(days(1), stream(settle=2 * HOUR), settle) == days(1).end + settle
    assert settles_at(days(1), None, settle) == days(1).end + settle


@pytest.mark.parametrize("settle", ["2h", 7200, 0, True, -HOUR, timedelta(microseconds=-1)])
def test_a_lag_that_is_not_a_timedelta_of_zero_or_more_is_refused(settle):
    with pytest.raises(ConfigurationError) as caught:
        settles_at(days(1), stream(), settle)

    assert str(caught.value) == (
        f"settle={settle!r} is not a timedelta of zero or more; write settle=timedelta(hours=2), "
        "or leave it out to use the vendor's default."
    )


def test_a_lag_that_leaves_the_calendar_is_refused():
    with pytest.raises(
        ConfigurationError, match=r"is later than the year 9999; write settle=timedelta\(hours=2\)"
    ):
        settles_at(days(1), stream(), timedelta.max)


def test_without_a_vendor_a_lag_is_needed():
    with pytest.raises(ConfigurationError) as caught:
        settles_at(days(1), None)

    assert str(caught.value) == (
        "The time after which the interval settles is not known; "
        "pass vendor='ada' (or another), or settle=timedelta(hours=2)."
    )
