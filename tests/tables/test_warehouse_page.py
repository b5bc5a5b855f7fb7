"""The statements of docs/how-to/warehouse.md, with DuckDB as the warehouse."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from airflow_provider_convexport.export.window import Window
from tests.support.published import MANIFEST
from tests.support.samples import DAY
from tests.support.tables import another, disk, put_raw, tables

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "warehouse.md").read_text()
STATEMENTS = re.findall(r"^```sql\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
CHANGED = datetime(2026, 11, 19, tzinfo=UTC)
"""The day of the page."""


def export(root, day, *texts, asked=0.0):
    lines = [json.dumps({"_id": f"c{text}", "inquiry_summary": text}).encode() for text in texts]
    put_raw(disk(root / "raw"), lines, day=day, requested_at=asked, stream="conversations")


def make(root, run_id):
    tables(
        disk(root / "raw"),
        disk(root / "lake"),
        Window(CHANGED - DAY, CHANGED + DAY),
        task=another(run_id=run_id),
        target_file_bytes=1,
    )


def files_of(manifests):
    return [
        str(path.parent / each["name"])
        for path in manifests
        for each in json.loads(path.read_text())["files"]
    ]


@pytest.fixture
def lake(tmp_path):
    """Tables of two days, the second of which was loaded before it changed."""
    export(tmp_path, CHANGED - DAY, "stays")
    export(tmp_path, CHANGED, "old", "edited: old")
    make(tmp_path, "first")
    return tmp_path


def summaries(connection):
    return sorted(text for (text,) in connection.sql("SELECT summary FROM conversations").fetchall())


def test_a_changed_partition_is_replaced_at_one_instant_and_nothing_else_is(lake):
    with duckdb.connect() as warehouse, warehouse.cursor() as reader:
        files = files_of((lake / "lake").rglob(MANIFEST))
        warehouse.read_parquet(files, hive_partitioning=False).create("conversations")
        export(lake, CHANGED, "edited: new", "new", asked=60)
        make(lake, "second")
        (load,) = [each for each in STATEMENTS if each.startswith("BEGIN")]
        changed = files_of((lake / "lake").rglob(f"dt={CHANGED:%Y-%m-%d}/{MANIFEST}"))
        *steps, commit = load.replace("[…]", str(changed)).strip().rsplit("\n", 1)

        warehouse.execute(*steps)
        assert summaries(reader) == ["edited: old", "old", "stays"]
        warehouse.execute(commit)

        assert summaries(reader) == ["edited: new", "new", "stays"]


def test_the_statement_deletes_exactly_what_the_load_replaces(lake):
    (delete,) = [each for each in STATEMENTS if each.startswith("DELETE")]

    with duckdb.connect() as warehouse:
        files = files_of((lake / "lake").rglob(MANIFEST))
        warehouse.read_parquet(files, hive_partitioning=False).create("conversations")
        warehouse.execute(delete)

        assert summaries(warehouse) == ["stays"]
    assert [each for each in STATEMENTS if delete.strip() in each] == STATEMENTS
