"""A task of a backfill whose processes are killed in the middle."""

from __future__ import annotations

import psutil
import pytest

from airflow_provider_convexport.timetables.schedule_grid import ScheduleGrid
from tests.support.published import partitions, truth
from tests.support.streams import YESTERDAY, case_of
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

CASE = case_of("agentx")
PAGE_SIZE = 10


@pytest.fixture
def slow_simulator(simulator):
    """A second for each page, so that an export takes a while; checkpoints come every four seconds."""
    simulator.update(page_latency=1.0)
    yield simulator
    simulator.update(page_latency=0.0)


def kill_processes(task):
    """Kill the process of a task and its supervisor, as a machine that runs out of memory may."""
    process = psutil.Process(task["pid"])
    supervisor = process.parent()
    supervisor.kill()
    process.kill()


def test_a_killed_task_of_a_backfill_is_retried_and_goes_on_to_the_whole_window(
    airflow, slow_simulator, exports
):
    window = ScheduleGrid("days", 29, None, "UTC").complete_by(YESTERDAY)
    expected = truth(slow_simulator, CASE, window.start, window.end)
    pages = sum(map(len, expected.values())) / PAGE_SIZE
    root, dag_id, day = exports / "slow", "slow_export", f"{window.start:%Y-%m-%d}"
    airflow.api.unpause(dag_id)
    airflow.command_line("backfill", "create", "--dag-id", dag_id, "--from-date", day, "--to-date", day)
    wait_until(lambda: [*root.glob("_staging/**/checkpoint*")], seconds=120, what="a checkpoint")
    (run,) = airflow.api.runs(dag_id)
    (task,) = airflow.api.tasks(dag_id, run["dag_run_id"])

    kill_processes(task)
    before = len(slow_simulator.request_log.requests)
    (run,) = airflow.api.wait_for_runs(dag_id)

    (task,) = airflow.api.tasks(dag_id, run["dag_run_id"])
    assert (run["run_type"], task["try_number"]) == ("backfill", 2)
    assert partitions(root) == expected
    assert not (root / "_staging").exists()
    assert len(slow_simulator.request_log.requests) - before < pages
