"""The Python of docs/how-to/loading.md, over raw records and tables that were exported from the simulator."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from airflow_provider_convexport.export.window import Window
from tests.support.current_state import make_all_tables
from tests.support.exports import export
from tests.support.samples import DAY
from tests.support.streams import MIDNIGHT, case_of

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "loading.md").read_text()
BLOCKS = [
    text for text in re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL) if "/data/" in text
]
START = MIDNIGHT - 10 * DAY
END = START + 2 * DAY


@pytest.fixture
def data(simulator, tmp_path):
    """Two days of conversations and their tables, where the page has ``/data``; and the true records."""
    case = case_of("ada", "conversations")
    export(case, tmp_path / "raw" / "ada" / "conversations", START, END)
    make_all_tables([tmp_path / "raw" / "ada" / "conversations"], tmp_path / "tables", Window(START, END))
    records = [json.loads(each) for each in simulator.truth("ada", "conversations", START, END)]
    assert len(records) > 5
    return tmp_path, records


def names_after(data, words):
    """Run the block of the page that has these words, and return its names."""
    (block,) = [text for text in BLOCKS if words in text]
    names = {}
    exec(block.replace("/data", str(data[0])), names)  # noqa: S102 - a page of our own
    return names


def test_pandas_loads_every_record_with_its_times_in_utc(data):
    names = names_after(data, "import pandas")

    frame = names["records"]
    assert sorted(frame["_id"]) == sorted(each["_id"] for each in data[1])
    assert frame["date_created"].dt.tz.utcoffset(None) == timedelta(0)
    assert frame["date_created"].between(START, END, inclusive="left").all()
    assert names["per_hour"].sum() == len(data[1])


def test_pyarrow_holds_every_record_as_the_text_that_was_exported(data):
    table = names_after(data, "import pyarrow")["records"]

    ids = sorted(json.loads(text)["_id"] for text in table["record"].to_pylist())
    assert ids == sorted(each["_id"] for each in data[1])


def test_pyarrow_and_pandas_read_columns_of_the_tables(data):
    names = names_after(data, "from pyarrow import dataset")

    assert names["frame"].columns.tolist() == ["vendor", "started_at", "is_escalated"]
    assert set(names["frame"]["vendor"]) == {"ada"}
    escalated = sum(each["is_escalated"] is True for each in data[1])
    assert (names["frame"]["is_escalated"] == True).sum() == escalated  # noqa: E712 - a column
    assert names["frame"]["started_at"].between(START, END, inclusive="left").all()


def test_every_block_of_the_page_with_local_data_is_run_here():
    assert len(BLOCKS) == 3
