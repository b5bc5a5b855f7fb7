"""Columns of many records at once: they hold what each record gives alone."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from importlib import import_module
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_convexport.tables.mapping import RowReader
from airflow_provider_convexport.tables.schema import COMMON, TABLES

KINDS = [
    ("applied_labs", "conversations", "conversations"),
    ("applied_labs", "conversations", "messages"),
    ("ada", "conversations", "conversations"),
    ("ada", "messages", "messages"),
    ("agentx", "conversations", "conversations"),
    ("agentx", "messages", "messages"),
]
ODD = [b"null", b"[1]", b'"text"', b"{", b"", b"{}", b'{"_id":"\xff"}', b'{"metadata":{"x":"\xff"}}']
ODD += [b'{"outMsg":{"x":"\xed\xa0\x80"}}', b'{"_id":"\\ud800"}', b'{"outMsg":1e999,"time":1e999}']
ODD += [b'{"outMsg":' + b"[" * 2_000 + b"]" * 2_000 + b"}", b'{"messages":[{"id":"a"},null,3,{}]}']
VALUES: list[Any] = [None, True, 3, 1.5, "text", "None", "", "2026-04-01T00:00:00", [], ["a", None], {}]
VALUES += [{"a": 1}, {"score": 2}, {"steps": [{"text": "é"}], "options": [{"txt": "b"}]}]
VALUES += [[{"text": "a"}, {"txt": "b"}, 3]]


def members_of(vendor: str) -> list[str]:
    """Return the names of all members that a vendor's mappings read."""
    mappings = import_module(f"airflow_provider_convexport.tables.{vendor}").TABLES
    sources = itertools.chain.from_iterable(
        mapping.sources.values() for tables in mappings.values() for mapping in tables.values()
    )
    return sorted({path.partition(".")[0] for source in sources for path in source.paths})


def random_records(vendor: str, count: int) -> list[bytes]:
    rng = random.Random(count)
    names = [*members_of(vendor), "messages", "unknown"]
    records = []
    for _ in range(count):
        members = {name: rng.choice(VALUES) for name in rng.sample(names, rng.randint(0, len(names)))}
        if vendor == "applied_labs" and rng.random() < 0.8:
            members["messages"] = [
                {name: rng.choice(VALUES) for name in rng.sample(names, 5)} for _ in range(rng.randint(0, 4))
            ]
        records.append(json.dumps(members, ensure_ascii=rng.random() < 0.5).encode())
    return records + ODD


@pytest.mark.parametrize(("vendor", "stream", "table"), KINDS)
def test_records_that_are_read_together_give_the_rows_and_the_drift_of_each_alone(
    vendor: str, stream: str, table: str
) -> None:
    lines = random_records(vendor, 400)
    random.Random(1).shuffle(lines)

    together = RowReader(vendor, stream, table)
    types = TABLES[table].arrow().types[len(COMMON) :]
    columns = [pa.array(values, kind) for values, kind in zip(together.columns(lines), types, strict=True)]

    drift: dict[str, Counter[str]] = {}
    alone: list[tuple[object, ...]] = []
    for line in lines:
        reader = RowReader(vendor, stream, table)
        alone += reader.rows(line)
        for column, kinds in reader.drift.items():
            drift.setdefault(column, Counter()).update(kinds)
    assert len(alone) > 300
    for column, values, kind in zip(columns, zip(*alone, strict=True), types, strict=True):
        assert column.equals(pa.array(values, kind))
    assert {name: kinds for name, kinds in together.drift.items() if kinds} == drift


@pytest.mark.parametrize(("vendor", "stream", "table"), KINDS)
def test_no_records_give_empty_columns(vendor: str, stream: str, table: str) -> None:
    columns = list(RowReader(vendor, stream, table).columns([]))
    assert [len(column) for column in columns] == [0] * (len(TABLES[table].columns) - len(COMMON))


def test_bytes_that_are_not_utf8_become_replacement_characters_wherever_they_are() -> None:
    reader = RowReader("agentx", "messages", "messages")
    lines = [b'{"_id":"a","userInput":"\xc3\xa9"}', b'{"_id":"b","outMsg":{"x":"\xff"}}']
    *_, payload, raw = reader.columns(lines)
    assert payload == [None, '{"x":"�"}'.encode()]
    assert raw.to_pylist() == ['{"_id":"a","userInput":"é"}', '{"_id":"b","outMsg":{"x":"�"}}']
    assert reader.drift == {"raw": {"invalid UTF-8": 1}}
