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
    """Return what the tables must hold of the records of a day: the identifying columns, and the record."""
    rows = []
    for line in lines:
        record = json.loads(line)
        own = record.get("id") or record.get("_id")
        common = (case.vendor, json.dumps(scope_of(case.vendor)), day.date())
        if case.stream == "messages":
            conversation = record.get("conversation_id") or record.get("conversationId")
            rows.append(("messages", *common, conversation, own, line.decode()))
            continue
        rows.append(("conversations", *common, own, None, line.decode()))
        if case.vendor == "applied_labs":  # its export has the messages inline
            rows += [("messages", *common, own, each["id"], each) for each in record["messages"]]
    return rows


def table_rows(lake: Path) -> list[tuple]:
    found = []
    for table in ("conversations", "messages"):
        for row in rows_of(lake / table):
            raw = row["raw"]
            if table == "messages" and row["vendor"] == "applied_labs":
                raw = json.loads(raw)
            common = (row["vendor"], json.dumps(json.loads(row["scope"])), row["partition_date"])
            found.append((table, *common, row["conversation_id"], row.get("message_id"), raw))
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
    for day in range(SPAN):
        begin = START + day * DAY
        lines = simulator.truth(case.vendor, case.stream, begin, begin + DAY, window_on=case.truth_on)
        expected += naive_rows(case, lines, begin)
    assert len(expected) > 50
    assert by_text(table_rows(tmp_path / "monthly")) == by_text(expected)
