from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.dataset.partition import PartitionGrid
from airflow_provider_convexport.export.window import Window
from airflow_provider_convexport.timetables.schedule_grid import ScheduleGrid
from tests.support.samples import APRIL_1, DAY, HOUR, days

SECOND = timedelta(seconds=1)


def test_a_day_grid_has_a_folder_per_utc_day():
    grid = PartitionGrid(days(3), "day", {})

    assert [grid.folder_of(index) for index in range(grid.count)] == [
        "dt=2026-04-01",
        "dt=2026-04-02",
        "dt=2026-04-03",
    ]


def test_an_hour_grid_has_a_folder_per_hour_in_its_day():
    grid = PartitionGrid(Window(APRIL_1 + 22 * HOUR, APRIL_1 + 25 * HOUR), "hour", {})

    assert [grid.folder_of(index) for index in range(grid.count)] == [
        "dt=2026-04-01/hour=22",
        "dt=2026-04-01/hour=23",
        "dt=2026-04-02/hour=00",
    ]


def test_an_interval_grid_has_one_partition_whatever_the_length():
    window = Window(APRIL_1 + 90 * SECOND, APRIL_1 + 40 * DAY)
    grid = PartitionGrid(window, "interval", {})

    assert grid.count == 1
    assert grid.folder_of(0) == "interval_start=20260401T000130Z"
    assert grid.window_of(0) == window


def test_thirty_daily_runs_and_one_run_of_thirty_days_fill_the_same_folders():
    long = PartitionGrid(days(30), "day", {"bot_name": "b"})
    short = [PartitionGrid(piece, "day", {"bot_name": "b"}) for piece in days(30).split(DAY)]

    assert [long.folder_of(index) for index in range(30)] == [grid.folder_of(0) for grid in short]


@pytest.mark.parametrize(
    ("by", "window"),
    [
        ("day", Window(APRIL_1 + HOUR, APRIL_1 + DAY)),
        ("day", Window(APRIL_1, APRIL_1 + 23 * HOUR)),
        ("day", Window(APRIL_1 - 2 * HOUR, APRIL_1 + 22 * HOUR)),
        ("hour", Window(APRIL_1, APRIL_1 + 90 * timedelta(minutes=1))),
        ("hour", Window(APRIL_1 + timedelta(microseconds=1), APRIL_1 + HOUR)),
    ],
)
def test_days_and_hours_need_a_whole_number_of_them(by, window):
    with pytest.raises(ConfigurationError, match=f"partition_by='{by}' needs an interval of whole UTC {by}s"):
        PartitionGrid(window, by, {})


def test_another_kind_of_partition_is_refused():
    with pytest.raises(
        ConfigurationError, match=r"partition_by='month' is not one of \['day', 'hour', 'interval'\]"
    ):
        PartitionGrid(days(1), "month", {})


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("r3-218210", "r3-218210"),
        ("Support Bot", "Support%20Bot"),
        ("a/b", "a%2Fb"),
        ("../../etc", "..%2F..%2Fetc"),
        ("Zürich", "Z%C3%BCrich"),
        ("bot=1", "bot%3D1"),
        ("100%", "100%25"),
        ("*[?]#", "%2A%5B%3F%5D%23"),
    ],
)
def test_a_bot_name_is_one_path_segment_that_can_be_read_back(name, folder):
    grid = PartitionGrid(days(1), "day", {"bot_name": name})

    assert grid.folder_of(0) == f"bot_name={folder}/dt=2026-04-01"
    assert unquote(folder) == name


def test_the_borders_of_a_partition_are_half_open():
    grid = PartitionGrid(days(2), "day", {})
    midnight = (APRIL_1 + DAY).timestamp()

    assert grid.index_of(midnight - 0.000001) == 0
    assert grid.index_of(midnight) == 1


def test_a_moment_outside_goes_to_the_nearest_partition():
    grid = PartitionGrid(days(3), "day", {})

    assert grid.index_of(0.0) == 0
    assert grid.index_of(APRIL_1.timestamp() + 1e9) == 2


@given(offset=st.integers(0, 3 * 86_400_000_000 - 1), by=st.sampled_from(["day", "hour", "interval"]))
def test_every_moment_of_the_interval_lies_in_the_partition_it_is_given(offset, by):
    grid = PartitionGrid(days(3), by, {})
    moment = APRIL_1 + timedelta(microseconds=offset)

    window = grid.window_of(grid.index_of(moment.timestamp()))

    assert window.start <= moment < window.end


def test_the_partitions_of_a_day_with_a_clock_change_abroad_are_utc_days():
    berlin = Window(datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC))

    with pytest.raises(ConfigurationError, match="use a schedule in UTC"):
        PartitionGrid(berlin, "day", {})
    assert PartitionGrid(berlin, "hour", {}).count == 23


def berlin(first, last):
    return Window(datetime(2026, *first, tzinfo=UTC), datetime(2026, *last, tzinfo=UTC))


def test_days_of_a_zone_are_whole_local_days_whatever_the_clocks_do():
    interval = berlin((3, 27, 23), (3, 30, 22))  # 28 to 30 March; the 29th has 23 hours

    grid = PartitionGrid(interval, "day", {}, timezone="Europe/Berlin")

    assert [grid.folder_of(index) for index in range(grid.count)] == [
        "dt=2026-03-28",
        "dt=2026-03-29",
        "dt=2026-03-30",
    ]
    assert [grid.window_of(index).length for index in range(3)] == [24 * HOUR, 23 * HOUR, 24 * HOUR]
    assert [grid.key_of(index) for index in range(3)] == ["2026-03-28", "2026-03-29", "2026-03-30"]


def test_an_interval_that_is_not_made_of_local_days_is_refused_with_the_zones_name():
    with pytest.raises(
        ConfigurationError, match=r"whole Europe/Berlin days, .* use a schedule in Europe/Berlin"
    ):
        PartitionGrid(days(1), "day", {}, timezone="Europe/Berlin")


def test_hours_are_those_of_utc():
    with pytest.raises(ConfigurationError, match="partition_by='hour' uses the hours of UTC"):
        PartitionGrid(days(1), "hour", {}, timezone="Europe/Berlin")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", None, "../etc", 3])
def test_an_unknown_zone_is_refused(zone):
    with pytest.raises(ConfigurationError, match=r"partition_timezone=.* is not an IANA time zone"):
        PartitionGrid(days(1), "day", {}, timezone=zone)


ZONES = ["Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Apia", "Africa/Cairo", "UTC"]


@given(
    zone=st.sampled_from(ZONES),
    day=st.dates(date(2005, 1, 1), date(2026, 1, 1)),
    count=st.integers(1, 90),
)
def test_the_days_of_any_zone_follow_each_other_and_fill_the_interval(zone, day, count):
    window = ScheduleGrid("days", 1, None, zone).window_at(
        datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    )
    start, end = window.start, window.end
    for _ in range(count - 1):
        end = ScheduleGrid("days", 1, None, zone).window_at(end).end

    grid = PartitionGrid(Window(start, end), "day", {}, timezone=zone)

    windows = [grid.window_of(index) for index in range(grid.count)]
    assert (windows[0].start, windows[-1].end, len(windows)) == (start, end, count)
    assert all(one.end == following.start for one, following in pairwise(windows))
    assert len({grid.folder_of(index) for index in range(count)}) == count


def test_what_the_vendor_no_longer_keeps_has_no_partition():
    grid = PartitionGrid(days(4), "day", {}, kept_from=APRIL_1 + 2 * DAY + 5 * HOUR)

    assert grid.published == range(2, 4)
    assert grid.expired == Window(APRIL_1, APRIL_1 + 2 * DAY + 5 * HOUR)
    assert grid.covered_of(2) == Window(APRIL_1 + 2 * DAY + 5 * HOUR, APRIL_1 + 3 * DAY)
    assert grid.covered_of(3) == grid.window_of(3)
    assert grid.start == (APRIL_1 + 2 * DAY + 5 * HOUR).timestamp()


def test_a_limit_at_a_border_leaves_whole_partitions():
    grid = PartitionGrid(days(4), "day", {}, kept_from=APRIL_1 + 2 * DAY)

    assert grid.published == range(2, 4)
    assert grid.covered_of(2) == grid.window_of(2)


def test_hours_and_intervals_have_their_start_as_key():
    assert PartitionGrid(days(1), "hour", {}).key_of(5) == "2026-04-01T05:00:00"
    assert PartitionGrid(days(9), "interval", {}).key_of(0) == "2026-04-01T00:00:00"
