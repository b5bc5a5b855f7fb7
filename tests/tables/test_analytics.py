"""Every statement of docs/how-to/analytics.md, over tables of what all vendors have exported."""

from __future__ import annotations

import json
import re
import textwrap
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from airflow_provider_convexport.export.window import Window
from dev.demo_report import REPORT, report
from tests.support.current_state import make_all_tables
from tests.support.exports import export
from tests.support.samples import DAY
from tests.support.streams import BY_UPDATE, MIDNIGHT, STREAMS

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "analytics.md").read_text()
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
START = MIDNIGHT - 10 * DAY
END = START + 2 * DAY


def blocks(language):
    return [textwrap.dedent(text).strip() for _, name, text in BLOCK.findall(PAGE) if name == language]


@pytest.fixture
def tables(simulator, tmp_path):
    """The tables of two days of all vendors, whose newest version is that of the export by creation."""
    simulator.update(records=40_000)
    for case in STREAMS + BY_UPDATE:
        raw = tmp_path / str(case)
        export(case, raw, START, END)
        make_all_tables([raw], tmp_path / "tables", Window(START, END))
    return tmp_path / "tables"


@pytest.fixture
def engine(tables):
    """DuckDB as the page opens it."""
    (code,) = blocks("python")
    names = {}
    exec(code, names)  # noqa: S102 - a page of our own
    with names["open_tables"](str(tables)) as engine:
        yield engine


@pytest.mark.parametrize("statement", blocks("sql"), ids=lambda text: text[-40:].replace("\n", " "))
def test_a_statement_of_the_page_finds_rows(engine, statement):
    assert engine.sql(statement).fetchall()


def test_the_page_shows_the_report_of_the_demo():
    assert f"{REPORT};" in blocks("sql")


def test_the_report_counts_what_the_simulator_has(tables, simulator):
    columns, rows = report(tables, START.date())

    found = {row[0]: dict(zip(columns, row, strict=True)) for row in rows}
    assert set(found) == {"ada", "agentx", "applied_labs"}
    for vendor, counts in found.items():
        records = truth(simulator, vendor, "conversations", START, START + DAY)
        assert counts["conversations"] == sum(1 for each in records if not is_test(each)) > 50
    for vendor in ("ada", "agentx"):
        sent = truth(simulator, vendor, "messages", START, START + DAY)
        assert found[vendor]["messages"] == len(sent) > 50
    inline = [
        message
        for each in truth(simulator, "applied_labs", "conversations", START, END)
        for message in each["messages"]
    ]
    days = Counter(datetime.fromisoformat(each["created_at"]).astimezone(UTC).date() for each in inline)
    assert found["applied_labs"]["messages"] >= days[START.date()] > 50
    ratings = [
        each["csat"]["score"]
        for each in truth(simulator, "ada", "conversations", START, START + DAY)
        if not is_test(each) and (each.get("csat") or {}).get("score") is not None
    ]
    assert found["ada"]["ratings"] == len(ratings) > 5
    assert found["ada"]["csat"] == pytest.approx(sum(ratings) / len(ratings), abs=0.051)
    assert found["agentx"]["escalated"] is found["agentx"]["csat"] is None


def truth(simulator, vendor, stream, start, end):
    return [json.loads(each) for each in simulator.truth(vendor, stream, start, end)]


def is_test(record):
    told = record.get("is_test", record.get("is_test_user", (record.get("metadata") or {}).get("draft")))
    return told is True
