"""Rows as dicts, for tests of mappings."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from airflow_provider_convexport.tables.mapping import RowReader
from airflow_provider_convexport.tables.schema import COMMON, TABLES

SECOND = 1_000_000
Drift = dict[str, dict[str, int]]


def names_of(table: str) -> list[str]:
    return [column.name for column in TABLES[table].columns[len(COMMON) :]]


def read(vendor: str, stream: str, table: str, lines: Iterable[bytes]) -> tuple[list[dict[str, Any]], Drift]:
    """Return the rows of records, which Arrow takes as they are, and the drift."""
    reader = RowReader(vendor, stream, table)
    rows = [row for line in lines for row in reader.rows(line)]
    to_arrow(table, rows)
    named = [dict(zip(names_of(table), row, strict=True)) for row in rows]
    return named, {column: dict(kinds) for column, kinds in reader.drift.items()}


def to_arrow(table: str, rows: list[tuple[object, ...]]) -> None:
    """Convert the values of each column to the type of the schema."""
    types = TABLES[table].arrow().types[len(COMMON) :]
    columns = zip(*rows, strict=True) if rows else [()] * len(types)
    for values, kind in zip(columns, types, strict=True):
        assert len(pa.array(values, kind)) == len(rows)


class Mapped:
    """The rows of one vendor's records, which are given as members or as JSON text.

    :param vendor: The vendor's machine name.
    :param stream: The raw stream.
    :param table: The table.
    """

    def __init__(self, vendor: str, stream: str, table: str) -> None:
        self.vendor, self.stream, self.table = vendor, stream, table

    def rows(self, text: str | bytes) -> tuple[list[dict[str, Any]], Drift]:
        line = text.encode() if isinstance(text, str) else text
        return read(self.vendor, self.stream, self.table, [line])

    def row(self, text: str | bytes = b"", /, **members: Any) -> tuple[dict[str, Any], Drift]:
        """Return the only row."""
        (row,), drift = self.rows(text or json.dumps(members))
        return row, drift

    def clean(self, text: str | bytes = b"", /, **members: Any) -> dict[str, Any]:
        """Return the only row of a record in which nothing is unexpected."""
        row, drift = self.row(text, **members)
        assert drift == {}
        return row
