"""The same history as few windows and as many days, both by ``airflow backfill create``."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_convexport.export.window import Window
from airflow_provider_convexport.timetables.schedule_grid import ScheduleGrid
from tests.support.published import partitions, truth
from tests.support.samples import DAY
from tests.support.streams import STREAMS, YESTERDAY

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_convexport.simulator.server import RunningSimulator
    from dev.cluster.cluster import Cluster

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class History:
    """What the two ways export: whole windows of a vendor's grid.

    :param days: Length of a window.
    :param count: Number of windows.
    """

    vendor: str
    days: int
    count: int

    @property
    def grid(self) -> ScheduleGrid:
        return ScheduleGrid("days", self.days, None, "UTC")

    @property
    def scheduled(self) -> Window:
        """The last complete window, which the scheduler exports by itself."""
        return self.grid.complete_by(YESTERDAY)

    @property
    def whole(self) -> Window:
        """What lies before that and is left to backfills."""
        end = self.scheduled.start
        return Window(end - self.count * self.days * DAY, end)

    def parts(self, way: str) -> list[Window]:
        return list(self.whole.split(self.days * DAY if way == "windows" else DAY))

    def dates(self) -> tuple[str, ...]:
        """First and last day, as a user types them."""
        start, end = self.whole.start, self.whole.end - DAY
        return ("--from-date", f"{start:%Y-%m-%d}", "--to-date", f"{end:%Y-%m-%d}")


HISTORIES = {
    history.vendor: history
    for history in (History("ada", 45, 2), History("applied_labs", 29, 1), History("agentx", 29, 1))
}
CASES = {case.vendor: case for case in STREAMS if case.stream == "conversations"}
EACH_VENDOR = pytest.mark.parametrize("vendor", HISTORIES)


@dataclass(frozen=True)
class Outcome:
    """How one way of exporting went.

    :param runs: The backfills' runs by vendor.
    :param requests: Requests that the simulator answered, by vendor.
    :param seconds: How long all of it took.
    """

    runs: dict[str, list[dict[str, Any]]]
    requests: Counter[str]
    seconds: float


@pytest.fixture(scope="module")
def scheduled(airflow: Cluster) -> dict[str, list[dict[str, Any]]]:
    """The runs that the scheduler makes by itself as soon as it may, by vendor."""
    for vendor in HISTORIES:
        airflow.api.unpause(f"{vendor}_windows")
    return {vendor: airflow.api.wait_for_runs(f"{vendor}_windows") for vendor in HISTORIES}


@pytest.fixture(scope="module")
def planned(airflow: Cluster, scheduled: object) -> str:
    """What a dry run prints before there is a backfill; afterwards it leaves out the runs that exist."""
    return backfill(airflow, HISTORIES["ada"], "windows", "--dry-run")


@pytest.fixture(scope="module")
def windows(airflow: Cluster, simulator: RunningSimulator, planned: object) -> Outcome:
    return backfill_all(airflow, simulator, "windows")


@pytest.fixture(scope="module")
def daily(airflow: Cluster, simulator: RunningSimulator, windows: Outcome) -> Outcome:
    for vendor in HISTORIES:
        airflow.api.unpause(f"{vendor}_daily")
    return backfill_all(airflow, simulator, "daily")


def backfill_all(airflow: Cluster, simulator: RunningSimulator, way: str) -> Outcome:
    """Backfill each vendor's history at the same time, and wait for all runs."""
    began, before = time.monotonic(), requests_by_vendor(simulator)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda history: backfill(airflow, history, way), HISTORIES.values()))
    runs = {}
    for vendor, history in HISTORIES.items():
        present = airflow.api.wait_for_runs(f"{vendor}_{way}", min_runs=len(history.parts(way)))
        runs[vendor] = [run for run in present if run["run_type"] == "backfill"]
    requests = requests_by_vendor(simulator) - before
    return Outcome(runs, requests, time.monotonic() - began)


def backfill(airflow: Cluster, history: History, way: str, *options: str) -> str:
    dag_id = f"{history.vendor}_{way}"
    return airflow.command_line(
        "backfill", "create", "--dag-id", dag_id, *history.dates(), "--max-active-runs", "8", *options
    )


def requests_by_vendor(simulator: RunningSimulator) -> Counter[str]:
    return Counter(visit.vendor for visit in simulator.request_log.requests)


def interval(run: dict[str, Any]) -> Window:
    start, end = (datetime.fromisoformat(run[f"data_interval_{name}"]) for name in ("start", "end"))
    return Window(start, end)


def published(root: Path, window: Window) -> tuple[dict[str, list[bytes]], dict[str, tuple[Any, int]]]:
    """Return the records of a window's days, and what each day's manifest says of it."""
    days = {f"dt={day.start:%Y-%m-%d}" for day in window.split(DAY)}
    records = {name: lines for name, lines in partitions(root).items() if name.rpartition("/")[2] in days}
    manifests = {name: json.loads((root / name / "_manifest.json").read_text()) for name in records}
    return records, {name: (found["partition"], found["records"]) for name, found in manifests.items()}


@EACH_VENDOR
def test_the_scheduler_runs_the_last_complete_window_by_itself(scheduled, vendor):
    run = scheduled[vendor][0]

    assert (run["run_type"], interval(run)) == ("scheduled", HISTORIES[vendor].scheduled)


@EACH_VENDOR
def test_a_backfill_s_runs_are_the_windows_before_that(windows, vendor):
    assert [interval(run) for run in windows.runs[vendor]] == HISTORIES[vendor].parts("windows")


def test_a_dry_run_lists_the_windows_that_a_backfill_makes(planned):
    _, _, table = planned.partition("Runs to be attempted:")

    assert re.findall(r"(\d{4}-\d\d-\d\d)[ T]00:00:00", table) == [
        f"{window.start:%Y-%m-%d}" for window in HISTORIES["ada"].parts("windows")
    ]


@EACH_VENDOR
def test_a_run_by_hand_exports_the_last_complete_window_again(airflow, simulator, exports, windows, vendor):
    history = HISTORIES[vendor]
    dag_id, root = f"{vendor}_windows", exports / vendor / "windows"
    before, _ = published(root, history.scheduled)

    logical_date = history.scheduled.end + timedelta(hours=1)
    run_id = airflow.api.trigger(dag_id, logical_date=logical_date.isoformat())
    runs = {run["dag_run_id"]: run for run in airflow.api.wait_for_runs(dag_id)}

    after, _ = published(root, history.scheduled)
    assert interval(runs.pop(run_id)) == history.scheduled
    assert before == after == truth(simulator, CASES[vendor], history.scheduled.start, history.scheduled.end)
    automatic = [interval(run) for run in runs.values()]
    assert len(automatic) > history.count
    assert all(one.end == other.start for one, other in pairwise(automatic))


@EACH_VENDOR
def test_windows_and_days_publish_the_same_partitions(simulator, exports, windows, daily, vendor):
    whole = HISTORIES[vendor].whole
    by_window = published(exports / vendor / "windows", whole)
    by_day = published(exports / vendor / "daily", whole)

    assert by_window == by_day
    assert by_day[0] == truth(simulator, CASES[vendor], whole.start, whole.end)
    assert min(len(records) for records in by_day[0].values()) > 3


@EACH_VENDOR
def test_windows_cost_at_most_a_fifth_of_the_requests_of_days(windows, daily, vendor):
    days = len(HISTORIES[vendor].parts("daily"))
    print(f"{vendor}, {days} days: {windows.requests[vendor]} requests in {HISTORIES[vendor].count} runs,")
    print(f"{daily.requests[vendor]} requests in {len(daily.runs[vendor])} runs of a day;")
    print(f"all vendors together took {windows.seconds:.0f} s by window and {daily.seconds:.0f} s by day.")

    assert len(daily.runs[vendor]) == days
    assert windows.requests[vendor] * 5 <= daily.requests[vendor]
