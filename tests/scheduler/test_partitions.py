"""Runs that name a day, and the runs that their asset events start."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from airflow.sdk.execution_time.context import OutletEventAccessor

from tests.support.streams import YESTERDAY

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not hasattr(OutletEventAccessor, "add_partitions"), reason="Partition events need Airflow 3.3."
    ),
]

DAY = timedelta(days=1)
START = YESTERDAY - 10 * DAY


def names(first, count):
    return {f"{first + number * DAY:%Y-%m-%d}" for number in range(count)}


def keys(runs):
    return {run["partition_key"][:10] for run in runs}


def test_one_run_over_three_days_starts_a_run_of_the_reader_for_each(airflow, exports):
    for dag_id in ("reader", "several_days"):
        airflow.api.unpause(dag_id)

    airflow.api.trigger("several_days", conf={"interval": [START.isoformat(), (START + 3 * DAY).isoformat()]})
    airflow.api.wait_for_runs("several_days")
    runs = airflow.api.wait_for_runs("reader", min_runs=3)

    assert keys(runs) == names(START, 3)
    assert {run["run_type"] for run in runs} == {"asset_triggered"}
    found = {path.parent.name for path in (exports / "partitions").rglob("_manifest.json")}
    assert found == {f"dt={name}" for name in names(START, 3)}


def test_a_run_that_names_a_day_exports_it_and_starts_the_readers_run_of_that_day(airflow, exports):
    day = START + 5 * DAY
    (name,) = names(day, 1)
    for dag_id in ("reader", "one_day"):
        airflow.api.unpause(dag_id)
    before = len(airflow.api.runs("reader"))

    airflow.api.trigger("one_day", partition_key=name)
    airflow.api.wait_for_runs("one_day")
    runs = airflow.api.wait_for_runs("reader", min_runs=before + 1)

    assert name in keys(runs)
    manifest = json.loads((exports / "partitions" / f"dt={name}" / "_manifest.json").read_text())
    assert manifest["partition"]["start"] == f"{name}T00:00:00Z"
