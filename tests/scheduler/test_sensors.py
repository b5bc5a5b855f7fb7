"""Sensors that wait in the triggerer, or give their slot back, as a hook in a task does."""

from __future__ import annotations

import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

pytestmark = pytest.mark.slow

SETTLE = timedelta(seconds=5)


def run(airflow, start: datetime, end: datetime) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
    """Run all waiting tasks for an interval; return how they ended and the states they were seen in."""
    airflow.api.unpause("settled")
    conf = {"interval": [start.isoformat(), end.isoformat()]}
    run_id = airflow.api.trigger("settled", conf=conf)
    seen = defaultdict(list)
    deadline = time.monotonic() + 120
    while True:
        tasks = {task["task_id"]: task for task in airflow.api.tasks("settled", run_id)}
        for name, task in tasks.items():
            seen[name].append(task)
        if {task["state"] for task in tasks.values()} <= {"success", "failed"}:
            return tasks, seen
        assert time.monotonic() < deadline, seen
        time.sleep(0.3)


def states(visits):
    return {visit["state"] for visit in visits}


def test_all_pass_at_once_for_an_interval_that_settled_long_ago(airflow):
    end = datetime.now(UTC) - timedelta(days=20)

    tasks, seen = run(airflow, end - timedelta(days=1), end)

    assert {name: task["state"] for name, task in tasks.items()} == {
        "deferrable": "success",
        "reschedule": "success",
        "hook": "success",
    }
    assert "deferred" not in states(seen["deferrable"])
    assert "up_for_reschedule" not in states(seen["reschedule"]) | states(seen["hook"])


def test_all_give_their_slots_back_until_the_interval_has_settled(airflow):
    end = datetime.now(UTC) + timedelta(seconds=20)

    tasks, seen = run(airflow, end - timedelta(days=1), end)

    waits = {"deferrable": "deferred", "reschedule": "up_for_reschedule", "hook": "up_for_reschedule"}
    for name, waiting in waits.items():
        assert waiting in states(seen[name])
        assert (tasks[name]["state"], tasks[name]["try_number"]) == ("success", 1)
        assert datetime.fromisoformat(tasks[name]["end_date"]) >= end + SETTLE
    in_triggerer = [visit for visit in seen["deferrable"] if visit["triggerer_job"] is not None]
    assert {visit["trigger"]["classpath"] for visit in in_triggerer} == {
        "airflow.providers.standard.triggers.temporal.DateTimeTrigger"
    }
