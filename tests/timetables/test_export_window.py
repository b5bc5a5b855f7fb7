from __future__ import annotations

import inspect
import itertools
import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pendulum
import pytest
from airflow.timetables.base import DataInterval, TimeRestriction
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.hooks.ada import AdaHook
from airflow_provider_convexport.hooks.agentx import AgentXHook
from airflow_provider_convexport.hooks.applied_labs import AppliedLabsHook
from airflow_provider_convexport.timetables.export_window import ExportWindowTimetable
from tests.support.airflow_walk import (
    backfill,
    iter_schedule,
    lengths,
    moment,
    schedule,
    stored_dag,
    texts,
)

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Santiago",
    "Asia/Beirut",
    "America/Havana",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Kathmandu",
)


@st.composite
def timetables(draw):
    unit = draw(st.sampled_from(["days", "weeks", "months"]))
    size = draw(st.integers(1, 70)) if unit == "days" else 1
    caps = st.timedeltas(size * DAY, 70 * DAY + 5 * HOUR) | st.sampled_from([size * DAY, None])
    return ExportWindowTimetable(
        unit,
        size=size,
        max_length=draw(caps),
        delay=draw(st.timedeltas(timedelta(0), 3 * DAY)),
        timezone=draw(st.sampled_from(ZONES)),
    )


MOMENTS = st.timedeltas(timedelta(0), 14_600 * DAY).map(lambda age: datetime(1995, 1, 1, tzinfo=UTC) + age)


def cap_of(timetable):
    seconds = timetable.serialize()["max_length"]
    return timedelta.max if seconds is None else timedelta(seconds=seconds)


@settings(max_examples=100, deadline=None)
@given(timetable=timetables(), start=MOMENTS, length=st.timedeltas(timedelta(0), 300 * DAY))
def test_windows_are_the_same_by_every_way_and_cover_any_range_without_gap_or_overlap(
    timetable, start, length
):
    earliest, latest = pendulum.instance(start), pendulum.instance(start + length)

    infos = schedule(timetable, earliest, latest)
    windows = [info.data_interval for info in infos]

    assert backfill(timetable, earliest, latest) == infos
    assert windows[0].start <= earliest < windows[0].end
    assert windows[-1].start <= latest < windows[-1].end
    assert all(one.end == other.start for one, other in pairwise(windows))
    assert all(timedelta(0) < window.end - window.start <= cap_of(timetable) for window in windows)
    for one, other in pairwise(windows):
        assert timetable.infer_manual_data_interval(run_after=one.end) == one
        assert timetable.infer_manual_data_interval(run_after=other.end.subtract(microseconds=1)) == one


@settings(max_examples=60, deadline=None)
@given(timetable=timetables(), start=MOMENTS, inside=st.timedeltas(timedelta(0), 100 * DAY))
def test_where_a_walk_begins_does_not_change_its_windows(timetable, start, inside):
    latest = pendulum.instance(start + 130 * DAY)

    whole = schedule(timetable, pendulum.instance(start), latest)
    tail = schedule(timetable, pendulum.instance(start + inside), latest)

    assert whole[-len(tail) :] == tail


@pytest.mark.parametrize(
    ("arguments", "windows"),
    [
        pytest.param(
            {"unit": "days", "size": 14},
            ["2026-02-02T00:00..2026-02-16T00:00", "2026-02-16T00:00..2026-03-02T00:00"],
            id="days",
        ),
        pytest.param(
            {"unit": "weeks"},
            [
                "2026-02-09T00:00..2026-02-16T00:00",
                "2026-02-16T00:00..2026-02-23T00:00",
                "2026-02-23T00:00..2026-03-02T00:00",
            ],
            id="weeks",
        ),
        pytest.param(
            {"unit": "weeks", "max_length": 5 * DAY},
            [
                "2026-02-09T00:00..2026-02-13T00:00",
                "2026-02-13T00:00..2026-02-16T00:00",
                "2026-02-16T00:00..2026-02-20T00:00",
                "2026-02-20T00:00..2026-02-23T00:00",
                "2026-02-23T00:00..2026-02-27T00:00",
            ],
            id="weeks, cut",
        ),
        pytest.param({"unit": "months"}, ["2026-02-01T00:00..2026-03-01T00:00"], id="months"),
        pytest.param(
            {"unit": "months", "max_length": 27 * DAY + HOUR},
            ["2026-02-01T00:00..2026-02-15T00:00", "2026-02-15T00:00..2026-03-01T00:00"],
            id="months, cut",
        ),
    ],
)
def test_a_range_inside_windows_is_covered_from_the_first_ones_start(arguments, windows):
    infos = backfill(ExportWindowTimetable(**arguments), moment(2026, 2, 10, 12), moment(2026, 2, 25))

    assert texts(infos) == windows


def test_a_month_is_cut_into_about_equal_parts():
    infos = schedule(
        ExportWindowTimetable("months", max_length=30 * DAY), moment(2026, 1, 1), moment(2026, 2, 1)
    )

    assert texts(infos) == [
        "2026-01-01T00:00..2026-01-17T00:00",
        "2026-01-17T00:00..2026-02-01T00:00",
        "2026-02-01T00:00..2026-03-01T00:00",
    ]


@pytest.mark.parametrize(
    ("zone", "around", "windows", "hours"),
    [
        pytest.param(
            "Europe/Berlin",
            (2026, 3, 28, 12),
            [
                "2026-03-27T23:00..2026-03-28T23:00",
                "2026-03-28T23:00..2026-03-29T22:00",
                "2026-03-29T22:00..2026-03-30T22:00",
            ],
            [24, 23, 24],
            id="Berlin, spring",
        ),
        pytest.param(
            "Europe/Berlin",
            (2026, 10, 24, 12),
            [
                "2026-10-23T22:00..2026-10-24T22:00",
                "2026-10-24T22:00..2026-10-25T23:00",
                "2026-10-25T23:00..2026-10-26T23:00",
            ],
            [24, 25, 24],
            id="Berlin, autumn",
        ),
        pytest.param(
            "America/New_York",
            (2026, 10, 31, 12),
            [
                "2026-10-31T04:00..2026-11-01T04:00",
                "2026-11-01T04:00..2026-11-02T05:00",
                "2026-11-02T05:00..2026-11-03T05:00",
            ],
            [24, 25, 24],
            id="New York, autumn",
        ),
        pytest.param(
            "America/Santiago",  # midnight is skipped: 2024-09-08 began at 01:00
            (2024, 9, 7, 12),
            [
                "2024-09-07T04:00..2024-09-08T04:00",
                "2024-09-08T04:00..2024-09-09T03:00",
                "2024-09-09T03:00..2024-09-10T03:00",
            ],
            [24, 23, 24],
            id="Santiago, spring",
        ),
        pytest.param(
            "America/Santiago",  # the hour before midnight came twice
            (2024, 4, 6, 12),
            [
                "2024-04-06T03:00..2024-04-07T04:00",
                "2024-04-07T04:00..2024-04-08T04:00",
                "2024-04-08T04:00..2024-04-09T04:00",
            ],
            [25, 24, 24],
            id="Santiago, autumn",
        ),
        pytest.param(
            "America/Havana",  # the hour after midnight came twice
            (2024, 11, 2, 12),
            [
                "2024-11-02T04:00..2024-11-03T04:00",
                "2024-11-03T04:00..2024-11-04T05:00",
                "2024-11-04T05:00..2024-11-05T05:00",
            ],
            [24, 25, 24],
            id="Havana, autumn",
        ),
        pytest.param(
            "Pacific/Apia",  # there was no 30 December 2011
            (2011, 12, 29, 12),
            [
                "2011-12-29T10:00..2011-12-30T10:00",
                "2011-12-30T10:00..2011-12-31T10:00",
                "2011-12-31T10:00..2012-01-01T10:00",
            ],
            [24, 24, 24],
            id="Apia, date line",
        ),
    ],
)
def test_local_days_stay_whole_when_the_clocks_change(zone, around, windows, hours):
    timetable = ExportWindowTimetable(timezone=zone)
    start = moment(*around)

    infos = list(itertools.islice(backfill(timetable, start, start.add(days=5)), 3))

    assert texts(infos) == windows
    assert lengths(infos) == [each * HOUR for each in hours]


def test_a_month_in_local_time_begins_and_ends_at_local_midnight():
    (info,) = schedule(
        ExportWindowTimetable("months", timezone="Europe/Berlin"), moment(2026, 3, 5), moment(2026, 3, 6)
    )

    local = [each.astimezone(ZoneInfo("Europe/Berlin")).isoformat() for each in info.data_interval]
    assert local == ["2026-03-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00"]


def test_the_cap_is_for_the_real_length_so_clocks_set_back_cut_a_week():
    timetable = ExportWindowTimetable("weeks", max_length=7 * DAY, timezone="Europe/Berlin")

    infos = schedule(timetable, moment(2026, 10, 12), moment(2026, 10, 25, 23))

    assert lengths(infos) == [7 * DAY, 4 * DAY, 3 * DAY + HOUR, 7 * DAY]


def test_a_day_of_25_hours_is_cut_if_the_cap_is_24():
    timetable = ExportWindowTimetable(max_length=DAY, timezone="Europe/Berlin")

    infos = schedule(timetable, moment(2026, 10, 25, 1), moment(2026, 10, 25, 22, 30))

    assert texts(infos) == ["2026-10-24T22:00..2026-10-25T22:00", "2026-10-25T22:00..2026-10-25T23:00"]


class TestScheduler:
    def test_a_run_starts_after_the_delay(self):
        timetable = ExportWindowTimetable(delay=2 * HOUR)

        (info,) = schedule(timetable, moment(2026, 4, 1), moment(2026, 4, 1))

        assert info.run_after == moment(2026, 4, 2, 2)
        assert info.logical_date == moment(2026, 4, 1)

    def test_without_a_start_nothing_is_scheduled(self):
        info = ExportWindowTimetable().next_dagrun_info(
            last_automated_data_interval=None, restriction=TimeRestriction(None, None, catchup=True)
        )

        assert info is None

    def test_nothing_begins_after_the_end_of_the_dag(self):
        infos = schedule(ExportWindowTimetable("months"), moment(2026, 2, 23), moment(2026, 4, 1))

        assert texts(infos)[-1] == "2026-04-01T00:00..2026-05-01T00:00"
        assert len(infos) == 3

    @pytest.mark.parametrize("earliest", [None, moment(2020, 5, 5)], ids=["no start", "old start"])
    @pytest.mark.parametrize("delay", [timedelta(0), 5 * DAY], ids=["no delay", "delay"])
    def test_without_catchup_the_first_run_is_the_last_one_that_is_due(self, earliest, delay):
        timetable = ExportWindowTimetable(size=3, delay=delay)
        restriction = TimeRestriction(earliest, None, catchup=False)

        first, second = itertools.islice(iter_schedule(timetable, restriction), 2)

        assert first.run_after <= datetime.now(UTC) < second.run_after
        assert first.data_interval.end == second.data_interval.start

    def test_without_catchup_missed_windows_are_left_out(self):
        timetable = ExportWindowTimetable()
        last = DataInterval(moment(2026, 1, 1), moment(2026, 1, 2))
        restriction = TimeRestriction(moment(2020, 1, 1), None, catchup=False)

        info = next(iter_schedule(timetable, restriction, last))

        assert datetime.now(UTC) - DAY < info.run_after <= datetime.now(UTC)

    def test_without_catchup_a_start_in_the_future_is_waited_for(self):
        start = pendulum.instance(datetime.now(UTC) + 100 * DAY)
        restriction = TimeRestriction(start, None, catchup=False)

        info = next(iter_schedule(ExportWindowTimetable("weeks"), restriction))

        assert info.data_interval.start <= start < info.data_interval.end

    def test_a_start_that_was_moved_ahead_is_obeyed(self):
        last = DataInterval(moment(2026, 1, 1), moment(2026, 1, 2))
        restriction = TimeRestriction(moment(2026, 3, 1, 5), None, catchup=True)

        info = next(iter_schedule(ExportWindowTimetable(), restriction, last))

        assert texts([info]) == ["2026-03-01T00:00..2026-03-02T00:00"]

    def test_after_a_daily_schedule_the_rest_of_the_month_follows(self):
        last = DataInterval(moment(2026, 4, 10), moment(2026, 4, 11))
        restriction = TimeRestriction(moment(2026, 1, 1), moment(2026, 5, 1), catchup=True)

        infos = list(iter_schedule(ExportWindowTimetable("months"), restriction, last))

        assert texts(infos) == ["2026-04-11T00:00..2026-05-01T00:00", "2026-05-01T00:00..2026-06-01T00:00"]

    def test_a_logical_date_is_never_used_twice_after_a_schedule_of_instants(self):
        last = DataInterval.exact(moment(2026, 4, 11))
        restriction = TimeRestriction(moment(2026, 1, 1), moment(2026, 5, 1), catchup=True)

        infos = list(iter_schedule(ExportWindowTimetable("months"), restriction, last))

        assert texts(infos) == ["2026-05-01T00:00..2026-06-01T00:00"]

    @pytest.mark.parametrize("unit", ["days", "weeks", "months"])
    def test_the_ends_of_the_calendar_raise_nothing(self, unit):
        timetable = ExportWindowTimetable(unit, timezone="Pacific/Apia")
        for extreme in (pendulum.DateTime.min, pendulum.DateTime.max):
            edge = extreme.replace(tzinfo=UTC)
            restriction = TimeRestriction(edge, None, catchup=True)

            assert len(list(itertools.islice(iter_schedule(timetable, restriction), 3))) <= 3
            assert timetable.infer_manual_data_interval(run_after=edge)

    def test_window_start_is_a_start_date_on_the_grid(self):
        timetable = ExportWindowTimetable("months")

        start = timetable.window_start(moment(2026, 3, 5, 12))

        assert texts(schedule(timetable, start, start)) == ["2026-03-01T00:00..2026-04-01T00:00"]
        assert start == moment(2026, 3, 1)

    def test_window_start_wants_a_time_zone(self):
        with pytest.raises(ConfigurationError, match="has no time zone"):
            ExportWindowTimetable().window_start(datetime(2026, 3, 5))  # noqa: DTZ001


class TestManualRun:
    @pytest.mark.parametrize(
        "run_after", [moment(2026, 5, 1), moment(2026, 5, 1, 0, 30), moment(2026, 5, 31, 23, 59)]
    )
    def test_it_gets_the_last_complete_window(self, run_after):
        interval = ExportWindowTimetable("months", delay=2 * DAY).infer_manual_data_interval(
            run_after=run_after
        )

        assert interval == DataInterval(moment(2026, 4, 1), moment(2026, 5, 1))


class TestForVendor:
    @pytest.mark.parametrize(
        ("vendor", "days", "hook"),
        [("ada", 59, AdaHook), ("applied_labs", 29, AppliedLabsHook), ("agentx", 7, AgentXHook)],
    )
    def test_windows_are_as_long_as_the_vendor_allows_and_runs_wait_until_they_settle(
        self, vendor, days, hook
    ):
        timetable = ExportWindowTimetable.for_vendor(vendor)

        assert timetable.serialize() == {
            "unit": "days",
            "size": days,
            "max_length": days * 86_400.0,
            "delay": hook.streams["conversations"].settle.total_seconds(),
            "timezone": "UTC",
        }

    def test_what_the_dag_says_goes_first(self):
        timetable = ExportWindowTimetable.for_vendor(
            "ada", stream="messages", size=1, delay=3 * HOUR, timezone="Asia/Beirut"
        )

        assert timetable == ExportWindowTimetable(
            size=1, max_length=59 * DAY, delay=3 * HOUR, timezone="Asia/Beirut"
        )

    def test_months_are_cut_to_the_vendors_cap(self):
        timetable = ExportWindowTimetable.for_vendor("applied_labs", unit="months")

        assert texts(schedule(timetable, moment(2026, 4, 1), moment(2026, 4, 30))) == [
            "2026-04-01T00:00..2026-04-16T00:00",
            "2026-04-16T00:00..2026-05-01T00:00",
        ]

    def test_a_shorter_cap_makes_shorter_windows(self):
        assert ExportWindowTimetable.for_vendor("ada", max_length=10 * DAY).serialize()["size"] == 10

    def test_an_unknown_vendor_is_told_the_known_ones(self):
        with pytest.raises(ConfigurationError, match=r"use one of \['ada', 'agentx', 'applied_labs'\]"):
            ExportWindowTimetable.for_vendor("zendesk")

    def test_an_unknown_stream_is_told_the_known_ones(self):
        with pytest.raises(ConfigurationError, match=r"Applied Labs; use one of \['conversations'\]"):
            ExportWindowTimetable.for_vendor("applied_labs", stream="messages")


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        ({"unit": "years"}, r"unit='years' is not one of \['days', 'weeks', 'months'\]"),
        ({"size": 0}, "from 1 to 366"),
        ({"size": 367}, "from 1 to 366"),
        ({"size": 1.5}, "not a whole number of days"),
        ({"size": True}, "not a whole number of days"),
        ({"unit": "months", "size": 2}, "leave it out for unit='months'"),
        ({"size": 31, "max_length": 30 * DAY}, "use size=30"),
        ({"max_length": 23 * HOUR}, "from 1 to 366 days"),
        ({"max_length": timedelta.max}, "from 1 to 366 days"),
        ({"max_length": 30}, "not a timedelta"),
        ({"delay": -HOUR}, "delay=.* is not a timedelta from 0 to 366 days"),
        ({"delay": 7200}, "delay=7200 is not a timedelta"),
        ({"timezone": "Europe/Atlantis"}, "not an IANA time zone"),
        ({"timezone": "../etc/passwd"}, "not an IANA time zone"),
        ({"timezone": "Europe"}, "not an IANA time zone"),
        ({"timezone": ""}, "not an IANA time zone"),
        ({"timezone": UTC}, "not an IANA time zone"),
        ({"timezone": None}, "not an IANA time zone"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused_at_once(arguments, advice):
    with pytest.raises(ConfigurationError, match=advice):
        ExportWindowTimetable(**arguments)


class TestSerialisation:
    @settings(max_examples=100, deadline=None)
    @given(timetables())
    def test_it_survives_json(self, timetable):
        restored = ExportWindowTimetable.deserialize(json.loads(json.dumps(timetable.serialize())))

        assert restored == timetable
        assert hash(restored) == hash(timetable)
        assert (restored.summary, restored.description) == (timetable.summary, timetable.description)

    def test_every_argument_is_kept(self):
        arguments = set(inspect.signature(ExportWindowTimetable).parameters)

        assert ExportWindowTimetable().serialize().keys() == arguments

    def test_a_stored_dag_has_the_same_timetable(self):
        timetable = ExportWindowTimetable.for_vendor("applied_labs", unit="months", timezone="Europe/Berlin")

        assert stored_dag(timetable).timetable == timetable

    def test_others_are_not_equal(self):
        assert ExportWindowTimetable() != ExportWindowTimetable(delay=HOUR)
        assert ExportWindowTimetable() != "1 day, UTC"


@pytest.mark.parametrize(
    ("timetable", "summary", "description"),
    [
        (
            ExportWindowTimetable(),
            "1 day, UTC",
            "Windows of 1 day in UTC, each run at its window's end",
        ),
        (
            ExportWindowTimetable.for_vendor("ada"),
            "59 days, at most 59 days, UTC",
            "Windows of 59 days in UTC, none longer than 59 days, each run 2 hours after its window's end",
        ),
        (
            ExportWindowTimetable("months", max_length=DAY, timezone="Asia/Beirut"),
            "1 month, at most 1 day, Asia/Beirut",
            "Windows of 1 month in Asia/Beirut, none longer than 1 day, each run at its window's end",
        ),
    ],
)
def test_people_can_read_what_it_does(timetable, summary, description):
    assert (timetable.summary, timetable.description) == (summary, description)
    assert repr(timetable) == f"ExportWindowTimetable({summary})"
