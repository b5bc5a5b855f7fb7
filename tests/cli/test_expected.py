"""What counts as missing, for every kind of partition and near every edge of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_convexport.cli.coverage import read_coverage
from airflow_provider_convexport.cli.datasets import Dataset, DatasetKey, PartitionFacts
from airflow_provider_convexport.cli.expected import LEGEND, AskedDays, Report
from airflow_provider_convexport.cli.reports import reports_of
from airflow_provider_convexport.export.window import Window
from tests.support.backfills import publish
from tests.support.backfills import utc_moment as moment
from tests.support.samples import APRIL_1, DAY, HOUR
from tests.support.stores import local_store

LAG = timedelta(hours=2)
UTC_ZONE = ZoneInfo("UTC")
LATER = moment(2027, 1, 1).timestamp()


def partition(window, *, records=1, kind="day", requested_at=LATER, expired=None):
    return PartitionFacts(window, records, 10, expired, kind, requested_at, requested_at)


def dataset(*partitions):
    return Dataset(DatasetKey("", "ada", "conversations", "created", (), ()), partitions)


def days_of(first, count, *, zone=UTC_ZONE):
    """Return one window for each local day from ``first`` on."""
    midnights = [
        (datetime(2026, 1, 1) + (first + number) * DAY).replace(tzinfo=zone).astimezone(UTC)  # noqa: DTZ001
        for number in range(count + 1)
    ]
    return [Window(*pair) for pair in pairwise(midnights)]


def report(published, now, *, zone=UTC_ZONE, settle=LAG, **asked):
    return Report(dataset(*published), settle, zone, AskedDays(**asked), now)


def marks(found):
    return "".join(mark for _, mark in found.marks)


APRIL_DAYS = [Window(APRIL_1 + n * DAY, APRIL_1 + (n + 1) * DAY) for n in range(3)]
PUBLISHED = [partition(window) for window in APRIL_DAYS]


@pytest.mark.parametrize(
    ("now", "expected", "gaps"),
    [
        (APRIL_1 + 3 * DAY, "###", []),
        (APRIL_1 + 4 * DAY - HOUR, "###", []),
        (APRIL_1 + 4 * DAY, "###?", []),
        (APRIL_1 + 4 * DAY + LAG - timedelta(seconds=1), "###?", []),
        (APRIL_1 + 4 * DAY + LAG, "###-", [Window(APRIL_1 + 3 * DAY, APRIL_1 + 4 * DAY)]),
        (APRIL_1 + 6 * DAY + HOUR, "###--?", [Window(APRIL_1 + 3 * DAY, APRIL_1 + 5 * DAY)]),
    ],
)
def test_a_day_is_missing_as_soon_as_the_vendor_adds_nothing_to_it(now, expected, gaps):
    found = report(PUBLISHED, now)

    assert (marks(found), found.gaps) == (expected, gaps)
    assert found.totals.missing == expected.count("-")
    assert found.totals.unsettled == expected.count("?")
    assert found.totals.days == 3


def test_until_yesterday_leaves_today_out_even_if_it_is_published():
    now = APRIL_1 + 2 * DAY + 3 * HOUR

    assert len(report(PUBLISHED, now).days) == 3
    assert len(report(PUBLISHED, now, until_yesterday=True).days) == 2


def test_days_after_today_are_never_expected():
    assert marks(report(PUBLISHED, APRIL_1 + 3 * DAY, last=APRIL_1.date() + 300 * DAY)) == "###?"


def test_days_before_the_first_published_one_are_missing_only_if_they_are_asked_for():
    now = APRIL_1 + 3 * DAY

    assert report(PUBLISHED, now).gaps == []
    early = report(PUBLISHED, now, first=APRIL_1.date() - 2 * DAY)
    assert marks(early) == "--###"
    assert early.gaps == [Window(APRIL_1 - 2 * DAY, APRIL_1)]


def test_a_day_that_was_exported_before_it_had_settled_is_not_settled():
    hasty = partition(APRIL_DAYS[2], requested_at=(APRIL_DAYS[2].end + HOUR).timestamp())
    found = report([*PUBLISHED[:2], hasty], APRIL_1 + 3 * DAY)

    assert (marks(found), found.early, found.gaps) == ("##?", [APRIL_DAYS[2]], [])
    assert (found.totals.days, found.totals.unsettled) == (3, 1)


def test_hours_are_expected_as_soon_as_they_have_settled():
    hours = [partition(Window(APRIL_1 + n * HOUR, APRIL_1 + (n + 1) * HOUR), kind="hour") for n in range(24)]
    now = APRIL_1 + DAY + 5 * HOUR + timedelta(minutes=30)

    assert report(hours, now).gaps == []
    today = report(hours, now, last=now.date())
    assert today.gaps == [Window(APRIL_1 + DAY, APRIL_1 + DAY + 3 * HOUR)]
    assert marks(today) == "#-"


def test_of_a_day_some_hours_may_be_published_and_the_others_not_be_due():
    hours = [partition(Window(APRIL_1 + n * HOUR, APRIL_1 + (n + 1) * HOUR), kind="hour") for n in range(27)]
    found = report(hours, APRIL_1 + DAY + 5 * HOUR)

    assert (marks(found), found.gaps) == ("#?", [])


def test_an_interval_is_expected_when_one_of_the_longest_length_has_ended():
    weeks = [
        partition(Window(APRIL_1, APRIL_1 + 7 * DAY), kind="interval"),
        partition(Window(APRIL_1 + 7 * DAY, APRIL_1 + 12 * DAY), kind="interval"),
    ]

    waiting = report(weeks, APRIL_1 + 19 * DAY)
    assert (waiting.gaps, marks(waiting)) == ([], "#" * 12 + "?" * 7)
    late = report(weeks, APRIL_1 + 19 * DAY + LAG)
    assert late.gaps == [Window(APRIL_1 + 12 * DAY, APRIL_1 + 19 * DAY)]


def test_days_of_another_zone_are_whole_days_there_even_where_the_clock_changes():
    berlin = ZoneInfo("Europe/Berlin")
    published = [partition(window) for window in days_of(85, 2, zone=berlin)]  # 27 and 28 March
    now = datetime(2026, 3, 31, 3, 0, tzinfo=berlin).astimezone(UTC)

    found = report(published, now, zone=berlin)

    assert marks(found) == "##--"
    assert found.gaps == [Window(moment(2026, 3, 28, 23), moment(2026, 3, 30, 22))]
    assert found.gaps[0].length == 47 * HOUR


def test_a_day_that_a_zone_has_skipped_is_not_missing():
    apia = ZoneInfo("Pacific/Apia")
    two = [(28, 29), (29, 30)]
    windows = [Window(*(datetime(2011, 12, d, tzinfo=apia).astimezone(UTC) for d in pair)) for pair in two]
    found = report(
        [partition(window) for window in windows],
        moment(2012, 1, 1),
        zone=apia,
        first=windows[0].start.date(),
    )

    assert "30" not in [f"{day:%d}" for day, _ in found.days]


def test_what_the_vendor_did_not_keep_is_neither_missing_nor_published():
    lost = Window(APRIL_1, APRIL_1 + DAY + 6 * HOUR)
    kept = partition(Window(lost.end, APRIL_1 + 2 * DAY), expired=lost)
    found = report([kept, PUBLISHED[2]], APRIL_1 + 3 * DAY, first=APRIL_1.date())

    assert (found.gaps, found.expired, marks(found)) == ([], [lost], "xx#")


def test_a_range_that_ends_before_the_first_partition_has_no_days():
    found = report(PUBLISHED, APRIL_1 + 3 * DAY, last=APRIL_1.date() - DAY)

    assert (found.days, found.gaps, found.partitions, found.span) == ([], [], [], None)
    assert tuple(found.totals) == (0, 0, 0, 0)


def test_every_mark_is_one_of_the_legend():
    empty = partition(APRIL_DAYS[1], records=0)
    found = report([PUBLISHED[0], PUBLISHED[0], empty], APRIL_1 + 5 * DAY + LAG)

    assert marks(found) == "!.---"
    assert all(f"{mark}  " in LEGEND for mark in "#.-~!?x")


def test_a_real_dataset_of_berlin_is_reported_in_days_of_berlin(tmp_path):
    """Its ``_dataset.json`` says so."""
    store = local_store(tmp_path)
    start, end = moment(2026, 3, 31, 22), moment(2026, 4, 2, 22)
    publish(store, start, end, partition_timezone="Europe/Berlin")
    store.put(
        "_dataset.json",
        b'{"format_version":1,"vendor":"ada","account":"","stream":"conversations","scope":[],"filters":{},'
        b'"window_on":"created","partition_by":"day","partition_timezone":"Europe/Berlin"}',
    )
    names = store.find("")

    (found,) = reports_of(store, names, read_coverage(store), AskedDays(), moment(2026, 4, 4, 1))

    assert (found.zone.key, found.settle) == ("Europe/Berlin", LAG)
    assert {day.isoformat(): mark for day, mark in found.marks} == {
        "2026-04-01": ".",
        "2026-04-02": ".",
        "2026-04-03": "-",
    }
