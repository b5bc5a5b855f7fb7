from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_convexport.export.fetch.retention import kept_from
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
