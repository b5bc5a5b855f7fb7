"""The simulator's records, hostile as they are, have the documented shapes and none that is not."""

from __future__ import annotations

import json
from itertools import islice

import pytest

from airflow_provider_convexport.simulator.dataset import DatasetPlan
from airflow_provider_convexport.simulator.record_store import RecordQuery, RecordStore
from airflow_provider_convexport.simulator.registry import registered_vendors
from airflow_provider_convexport.simulator.times import DAY
from airflow_provider_convexport.tables.mapping import tables_of
from tests.support.streams import STREAMS
from tests.tables.rows import read

START = 20_500 * DAY
STORE = RecordStore(DatasetPlan(seed=7, records=600, days=10, ties=3, seams=True, hostile=True))
CASES = [(case, table) for case in STREAMS for table in tables_of(case.vendor, case.stream)]


def lines_of(vendor, stream, as_of=None):
    (api,) = [api for api in registered_vendors() if api.name == vendor]
    served = api.streams[stream]
    query = RecordQuery(served, "", served.default_field, START, START + 10 * DAY, as_of=as_of)
    return list(STORE.texts(query))


@pytest.mark.parametrize(("case", "table"), CASES, ids=str)
@pytest.mark.parametrize("as_of", [None, START + 5 * DAY])
def test_all_records_map_without_drift(case, table, as_of):
    lines = lines_of(case.vendor, case.stream, as_of)
    rows, drift = read(case.vendor, case.stream, table, lines)

    assert len(lines) > 200
    assert drift == {}
    if table == case.stream:
        assert [row["raw"].encode() for row in rows] == lines
    assert all(row[f"{table[:-1]}_id"] for row in rows)
    assert all(row["started_at" if table == "conversations" else "sent_at"] is not None for row in rows)


def test_inlined_messages_are_rows_with_their_own_bytes():
    lines = lines_of("applied_labs", "conversations")
    rows, _ = read("applied_labs", "conversations", "messages", lines)
    expected = [
        (conversation["id"], each["id"])
        for conversation in map(json.loads, lines)
        for each in conversation["messages"]
    ]

    assert [(row["conversation_id"], row["message_id"]) for row in rows] == expected
    raws = iter(row["raw"] for row in rows)
    for line in lines:
        count = len(json.loads(line)["messages"])
        assert f'"messages":[{",".join(islice(raws, count))}]'.encode() in line


@pytest.mark.parametrize(
    "case", [case for case in STREAMS if "messages" in tables_of(case.vendor, case.stream)], ids=str
)
def test_messages_of_all_vendors_look_alike(case):
    rows, _ = read(case.vendor, case.stream, "messages", lines_of(case.vendor, case.stream))

    assert {row["role"] for row in rows} <= {"customer", "bot", "agent", "system", "unknown"}
    assert {row["visibility"] for row in rows} <= {"customer", "internal"}
    for role in ("customer", "bot"):
        spoken = [row for row in rows if row["role"] == role and row["text"] is not None]
        assert {type(row["text"]) for row in spoken} == {str}
        assert {type(row["sent_at"]) for row in spoken} == {int}
        assert {type(row["kind"]) for row in spoken} == {str}
