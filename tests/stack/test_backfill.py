"""A backfill of three months while one thing after another breaks."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from dev.cluster.celery_backend import WORKERS
from dev.vendors import scope_folder
from tests.stack.dags.three_months import OPERATORS
from tests.stack.published import objects, partitions, truth
from tests.stack.request_log import assert_never_exceeded, requests_of
from tests.support.samples import DAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from dev.cluster.cluster import Cluster

pytestmark = pytest.mark.slow

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
START, END = TODAY - 120 * DAY, TODAY - 30 * DAY
DAGS = {vendor: f"three_months_{vendor}" for vendor in OPERATORS}


@pytest.fixture(scope="module")
def tasks(stack: Cluster) -> list[dict[str, Any]]:
    """The task instances of the whole backfill, after all that happened to it."""
    stack.restart("simulator", switches=("--fault-rate", "0.04", "--records", "30000", "--hostile"))
    for dag_id in DAGS.values():
        stack.api.wait_for_dag(dag_id)
    begun = time.monotonic()

    def told(what: str) -> None:
        print(f"{time.monotonic() - begun:6.1f} s  {what}")

    for dag_id in DAGS.values():
        stack.api.backfill(dag_id, START, END)
    disturb(stack, told)
    for dag_id in DAGS.values():
        for run in stack.api.runs(dag_id):
            ended = stack.api.wait_for_run(dag_id, run["dag_run_id"], timeout=240)
            assert ended["state"] == "success", (dag_id, run["dag_run_id"])
        told(f"{dag_id} is done")
    return [task for dag_id in DAGS.values() for task in stack.api.tasks(dag_id)]


def disturb(stack: Cluster, told: Callable[[str], None]) -> None:
    """Kill a worker and restart the object store's gateway and Redis, all in the middle of the exports."""
    until(lambda: "worker-1" in hosts_of_running(stack))
    time.sleep(5)
    running = [name for name in hosts_of_running(stack) if name == "worker-1"]
    stack.services["worker-1"].kill()
    told(f"worker-1 was killed with {len(running)} running tasks")
    time.sleep(5)
    stack.services["worker-1"].start()
    time.sleep(5)
    for name, away in (("object-store", 4), ("redis", 4)):
        stack.services[name].stop()
        told(f"{name} was stopped with {len(hosts_of_running(stack))} running tasks")
        time.sleep(away)
        stack.services[name].start()
        stack.services[name].wait()
        told(f"{name} runs again")
        time.sleep(12)


def hosts_of_running(stack: Cluster) -> list[str]:
    """Return the worker of each running task."""
    found = [task for dag_id in DAGS.values() for task in stack.api.tasks(dag_id)]
    return [task["hostname"] for task in found if task["state"] == "running"]


def until(condition: Callable[[], bool]) -> None:
    for _ in range(120):
        if condition():
            return
        time.sleep(0.5)
    raise TimeoutError


@pytest.mark.parametrize(
    ("vendor", "stream"),
    [(vendor, stream) for vendor, (_, streams) in OPERATORS.items() for stream in streams],
)
def test_three_months_are_published_once_whatever_breaks_meanwhile(stack, tasks, vendor, stream):
    runs = stack.api.runs(DAGS[vendor])
    start = min(datetime.fromisoformat(run["data_interval_start"]) for run in runs)
    end = max(datetime.fromisoformat(run["data_interval_end"]) for run in runs)
    assert start <= START
    assert end - start >= timedelta(days=90)

    published = partitions(objects(stack, f"three_months/{vendor}/{stream}/"))

    assert published == truth(stack, vendor, stream, start, end, folder=scope_folder(vendor))
    print(sum(map(len, published.values())), "records in", len(published), "partitions")


def test_the_vendors_limits_were_kept_by_both_workers_together(stack, tasks):
    print(assert_never_exceeded(stack))
    statuses = Counter(request["status"] for request in requests_of(stack))
    print(statuses)
    assert statuses[429]
    assert any(status >= 500 for status in statuses)


def test_both_workers_did_a_fair_share(stack, tasks):
    share = Counter(task["hostname"] for task in tasks)
    tries = Counter(task["try_number"] for task in tasks)
    print(share, "tries:", tries)
    assert set(share) == set(WORKERS)
    assert min(share.values()) >= 0.25 * len(tasks)


def test_the_killed_workers_tasks_were_tried_again(tasks):
    assert any(task["try_number"] > 1 for task in tasks)
