from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.window import Window, iso, parse_moment, utc
from tests.support.samples import APRIL_1, DAY, days

SECOND = timedelta(seconds=1)
INSTANTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@pytest.mark.parametrize(
    "bad",
    [datetime(2026, 4, 1), datetime(2026, 4, 1, tzinfo=timezone(timedelta(hours=2)))],  # noqa: DTZ001
)
def test_a_window_takes_utc_only(bad):
    with pytest.raises(ValueError, match=r"Window bounds must be UTC"):
        Window(bad, APRIL_1 + DAY)
    with pytest.raises(ValueError, match=r"Window bounds must be UTC"):
        Window(APRIL_1 - DAY, bad)


@pytest.mark.parametrize("end", [APRIL_1, APRIL_1 - SECOND])
def test_an_empty_window_is_refused(end):
    with pytest.raises(ValueError, match=r"Window is empty: .* is not before"):
        Window(APRIL_1, end)


def test_a_window_is_written_as_its_two_ends():
    assert str(days(1)) == "2026-04-01T00:00:00Z..2026-04-02T00:00:00Z"


@given(start=INSTANTS, length=st.timedeltas(SECOND / 1000, 100 * DAY), parts=st.integers(1, 40))
def test_the_pieces_of_a_split_are_contiguous_and_cover_the_window_exactly(start, length, parts):
    window = Window(start, start + length)
    step = max(length / parts, timedelta(microseconds=1))

    pieces = list(window.split(step))

    assert pieces[0].start == window.start
    assert pieces[-1].end == window.end
    assert all(left.end == right.start for left, right in pairwise(pieces))
    assert all(piece.length <= step for piece in pieces)


@pytest.mark.parametrize("step", [timedelta(0), -DAY])
def test_a_split_needs_a_positive_step(step):
    with pytest.raises(ValueError, match=r"step must be positive"):
        list(days(1).split(step))


def test_reaching_goes_beyond_both_ends():
    assert days(1).reach(SECOND) == Window(APRIL_1 - SECOND, APRIL_1 + DAY + SECOND)


@given(start=INSTANTS, length=st.timedeltas(timedelta(microseconds=1), 3 * DAY))
def test_reaching_ends_on_whole_seconds_and_never_falls_short(start, length):
    window = Window(start, start + length)
    wide = window.reach(SECOND)

    assert wide.start.microsecond == wide.end.microsecond == 0
    assert SECOND <= window.start - wide.start < 2 * SECOND
    assert SECOND <= wide.end - window.end < 2 * SECOND


@pytest.mark.parametrize(
    "moment",
    [
        pendulum.datetime(2026, 4, 1),
        pendulum.datetime(2026, 4, 1).in_timezone("Asia/Tokyo"),
        pendulum.datetime(2026, 3, 31, 20, tz="America/New_York"),
        datetime.fromisoformat("2026-04-01T05:30:00+05:30"),
    ],
)
def test_the_same_instant_in_any_zone_becomes_a_plain_utc_datetime(moment):
    plain = utc(moment)

    assert plain == APRIL_1
    assert type(plain) is datetime
    assert (plain + DAY).utcoffset() == timedelta(0)


def test_microseconds_survive_the_change_to_utc():
    assert utc(pendulum.datetime(2026, 4, 1, microsecond=123456)).microsecond == 123456


@pytest.mark.parametrize("naive", [datetime(2026, 4, 1), pendulum.naive(2026, 4, 1)])  # noqa: DTZ001
def test_a_moment_without_a_zone_is_refused(naive):
    with pytest.raises(ValueError, match=r"has no time zone; write it with one, such as a final 'Z'"):
        utc(naive)


def test_both_sides_of_a_clock_change_keep_their_distance():
    before = pendulum.datetime(2026, 10, 25, 0, tz="Europe/Berlin")
    after = pendulum.datetime(2026, 10, 26, 0, tz="Europe/Berlin")

    assert utc(after) - utc(before) == timedelta(hours=25)


def test_the_second_of_two_equal_wall_clock_times_is_an_hour_later():
    first = pendulum.datetime(2026, 10, 25, 2, 30, tz="Europe/Berlin", fold=0)
    second = pendulum.datetime(2026, 10, 25, 2, 30, tz="Europe/Berlin", fold=1)

    assert utc(second) - utc(first) == timedelta(hours=1)


def test_iso_writes_a_fraction_only_if_there_is_one():
    assert iso(APRIL_1) == "2026-04-01T00:00:00Z"
    assert iso(APRIL_1.replace(microsecond=5000)) == "2026-04-01T00:00:00.005000Z"


@pytest.mark.parametrize(
    "value",
    [
        "2026-04-01T00:00:00Z",
        "2026-04-01 05:30:00+05:30",
        "20260401T000000Z",
        pendulum.datetime(2026, 4, 1).in_timezone("Asia/Tokyo"),
        datetime(2026, 4, 1, 2, tzinfo=timezone(timedelta(hours=2))),
    ],
)
@pytest.mark.parametrize("naive_as_utc", [True, False])
def test_a_moment_with_a_zone_is_parsed_in_any_form(value, naive_as_utc):
    moment = parse_moment(value, naive_as_utc=naive_as_utc)

    assert moment == APRIL_1
    assert type(moment) is datetime
    assert moment.tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [
        "2026-04-01",
        "2026-04-01T00:00:00",
        datetime(2026, 4, 1),  # noqa: DTZ001 - a value without a zone is what is tested
        pendulum.naive(2026, 4, 1),
    ],
)
def test_a_moment_without_a_zone_is_utc_only_where_that_is_allowed(value):
    moment = parse_moment(value, naive_as_utc=True)

    assert (moment, type(moment), moment.tzinfo) == (APRIL_1, datetime, UTC)
    with pytest.raises(ConfigurationError) as caught:
        parse_moment(value)
    assert str(caught.value) == (
        f"{value!r} is not a moment with a time zone; write it like 2026-04-01T00:00:00Z."
    )


@pytest.mark.parametrize(
    "value",
    ["soon", "", None, 5, date(2026, 4, 1), "0001-01-01T00:00:00+14:00", "9999-12-31T23:00:00-14:00"],
)
def test_what_is_not_a_moment_is_refused_and_shown_how_to_be_written(value):
    with pytest.raises(ConfigurationError) as caught:
        parse_moment(value, of="interval_start")
    assert str(caught.value) == (
        f"interval_start: {value!r} is not a moment with a time zone; write it like 2026-04-01T00:00:00Z."
    )
    with pytest.raises(ConfigurationError) as caught:
        parse_moment(value, naive_as_utc=True)
    assert str(caught.value) == (
        f"{value!r} is not a moment; "
        "write a day such as 2026-04-01, or a moment such as 2026-04-01T00:00:00Z."
    )
