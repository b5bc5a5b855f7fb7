"""Whole runs from the simulator's API to tables, compared with rows made of its own records."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from airflow_provider_convexport.operators.tables import ConversationTablesOperator
from dev.vendors import scope_of
from tests.support.exports import export
from tests.support.samples import DAY
from tests.support.streams import MIDNIGHT, STREAMS
from tests.support.tables import rows_of
from tests.tables.naive_rows import rows_of_record, stored_row

START = MIDNIGHT - 62 * DAY
SPAN = 60


@pytest.fixture(autouse=True)
def _easy_vendors(no_pacing, long_memory):
    """Vendors without limits that keep their records for ever."""


def make(raw: Path, lake: Path, first: int, count: int) -> None:
    """Run the operator for some days."""
    start = START + first * DAY
    context = {"data_interval_start": start, "data_interval_end": start + count * DAY, "run_id": f"{first}"}
    ConversationTablesOperator(task_id="tables", sources=str(raw), destination=str(lake)).execute(context)


def sorted_rows(lake: Path) -> list[str]:
    return sorted(json.dumps(row, default=str, sort_keys=True) for row in rows_of(lake))


def naive_rows(case, lines, day: datetime) -> list[tuple]:
    """Return what the tables must hold of the records of a day."""
    window_on = case.window_on or next(iter(case.definition.time_fields))
    common = (case.vendor, json.dumps(scope_of(case.vendor)), day.date(), window_on)
    return [
        (table, *common, sorted(row.items()))
        for line in lines
        for table, row in rows_of_record(case.vendor, case.stream, line)
    ]


def table_rows(lake: Path) -> list[tuple]:
    found = []
    for table in ("conversations", "messages"):
        for row in rows_of(lake / table):
            scope = json.dumps(json.loads(row["scope"]))
            common = (row["vendor"], scope, row["partition_date"], row["window_on"])
            found.append((table, *common, sorted(stored_row(row).items())))
    return found


def by_text(rows) -> list[str]:
    return sorted(map(repr, rows))


@pytest.mark.slow
@pytest.mark.parametrize("case", STREAMS, ids=str)
def test_sixty_daily_runs_and_two_of_thirty_days_make_the_rows_of_the_vendors_own_records(
    simulator, tmp_path, case
):
    raw = tmp_path / "raw"
    simulator.update(records=600)
    for half in range(2):
        begin = START + half * 30 * DAY
        export(case, raw, begin, begin + 30 * DAY)

    for day in range(SPAN):
        make(raw, tmp_path / "daily", day, 1)
    for half in range(2):
        make(raw, tmp_path / "monthly", half * 30, 30)

    assert sorted_rows(tmp_path / "daily") == sorted_rows(tmp_path / "monthly")
    expected: list[tuple] = []
    published: list[bytes] = []
    for day in range(SPAN):
        begin = START + day * DAY
        lines = simulator.truth(case.vendor, case.stream, begin, begin + DAY, window_on=case.truth_on)
        expected += naive_rows(case, lines, begin)
        published += lines
    assert len(expected) > 50
    found = table_rows(tmp_path / "monthly")
    assert by_text(found) == by_text(expected)
    raws = [row["raw"] for row in rows_of(tmp_path / "monthly" / case.stream)]
    assert sorted(raws) == sorted(line.decode() for line in published)
