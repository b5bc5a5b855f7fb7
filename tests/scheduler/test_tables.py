"""The example Dags that make tables when partitions change, started by the events of exports."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from airflow.sdk.execution_time.context import OutletEventAccessor

from tests.support.published import assert_tidy, manifests
from tests.support.streams import YESTERDAY
from tests.support.tables import rows_of
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)
START = YESTERDAY - 20 * DAY
TABLE = "conversations/ada-created"


@pytest.fixture(scope="module")
def root(airflow) -> Path:
    """The folder that the examples export to."""
    return Path(urlsplit(airflow.variables["AIRFLOW_VAR_CONVEXPORT_ROOT"]).path)


def names(first, count=1):
    return {f"dt={first + number * DAY:%Y-%m-%d}" for number in range(count)}


def export(airflow, dag_id, *intervals):
    """Export intervals in runs of their own, at once; return how the tasks ended."""
    airflow.api.unpause(dag_id)
    runs = [
        airflow.api.trigger(dag_id, conf={"interval": [start.isoformat(), end.isoformat()]})
        for start, end in intervals
    ]
    airflow.api.wait_for_runs(dag_id)
    return [task["state"] for run in runs for task in airflow.api.tasks(dag_id, run)]


@contextmanager
def changed(simulator, day):
    """While the block runs, one conversation of a day is another one than before."""
    record = json.loads(simulator.truth("ada", "conversations", day, day + DAY)[0])
    simulator.update(change=(f"ada/conversations/{record['_id']}",))
    try:
        yield
    finally:
        simulator.update(change=())


@contextmanager
def held(airflow):
    """While the block runs, no tables are made, but runs that are to make some are begun."""
    airflow.api.resize_pool("default_pool", 0)
    try:
        yield
    finally:
        airflow.api.resize_pool("default_pool", 128)


def versions(folder):
    """The version of each day."""
    return {name.rpartition("/")[2]: manifest["commit"] for name, manifest in manifests(folder).items()}


def assert_made_of(tables, raw):
    """Each raw version is one whole partition of the table, and each of its records one row."""
    made, there = manifests(tables), manifests(raw)
    assert {name: manifest["source"]["commit"] for name, manifest in made.items()} == versions(raw)
    rows = Counter(f"dt={row['partition_date']}" for row in rows_of(tables))
    assert rows == {name: manifest["records"] for name, manifest in there.items()}
    assert_tidy(tables)


def test_events_of_exports_make_the_tables_of_exactly_the_partitions_that_changed(airflow, simulator, root):
    raw, tables = root / "ada" / "conversations", root / "tables" / TABLE
    three_days, second = (START, START + 3 * DAY), START + DAY
    airflow.api.unpause("tables_on_change_ada")

    assert export(airflow, "export_days", three_days) == ["success"]
    airflow.api.wait_for_runs("tables_on_change_ada")
    first = versions(tables)

    assert set(first) == names(START, 3)
    assert_made_of(tables, raw)
    assert export(airflow, "export_days", three_days) == ["skipped"]
    with changed(simulator, second):
        assert export(airflow, "export_days", three_days) == ["success"]
    runs = airflow.api.wait_for_runs("tables_on_change_ada", min_runs=2)

    assert [run["run_type"] for run in runs] == ["asset_triggered"] * 2
    assert {name for name, commit in versions(tables).items() if first[name] != commit} == names(second)
    assert_made_of(tables, raw)


def test_events_that_come_while_tables_are_made_are_all_handled_by_the_next_run(airflow, root):
    """Airflow hands only the first of several events of an asset to the run that they start."""
    raw, tables = root / "ada" / "conversations", root / "tables" / TABLE
    days = [(START + number * DAY, START + (number + 1) * DAY) for number in range(4, 9)]
    airflow.api.unpause("tables_on_change_ada")

    def runs_there() -> int:
        return len(airflow.api.runs("tables_on_change_ada"))

    before = runs_there()
    with held(airflow):
        assert export(airflow, "export_days", days[0]) == ["success"]
        wait_until(lambda: runs_there() > before, seconds=60, what="the run of the first event")
        assert set(export(airflow, "export_days", *days[1:])) == {"success"}
    runs = airflow.api.wait_for_runs("tables_on_change_ada", min_runs=before + 2)

    assert len(runs) == before + 2
    assert names(days[0][0], len(days)) <= set(versions(tables))
    assert_made_of(tables, raw)


@pytest.mark.skipif(
    not hasattr(OutletEventAccessor, "add_partitions"), reason="Partition events need Airflow 3.3."
)
def test_events_with_keys_make_the_table_of_each_key_in_a_run_of_its_own(airflow, simulator, root):
    raw, tables = root / "ada_partitioned" / "conversations", root / "ada_partitioned" / "tables" / TABLE
    three_days, second = (START, START + 3 * DAY), START + DAY
    airflow.api.unpause("ada_partitioned_tables")

    assert export(airflow, "export_days_with_keys", three_days) == ["success"]
    airflow.api.wait_for_runs("ada_partitioned_tables", min_runs=3)
    first = versions(tables)

    assert set(first) == names(START, 3)
    assert set(export(airflow, "export_days_with_keys", three_days, three_days)) == {"skipped"}
    with changed(simulator, second):
        again = export(airflow, "export_days_with_keys", three_days, (second, second + DAY))
    runs = airflow.api.wait_for_runs("ada_partitioned_tables", min_runs=4)

    assert "success" in again
    keys = Counter(f"dt={run['partition_key'][:10]}" for run in runs)
    assert set(keys) == names(START, 3)
    assert {name for name, count in keys.items() if count > 1} == names(second)
    assert {name for name, commit in versions(tables).items() if first[name] != commit} == names(second)
    assert_made_of(tables, raw)
