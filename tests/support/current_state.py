"""The tables in DuckDB, as a reader of them has it, with the views of the current state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from airflow_provider_convexport.cli.views import views_for
from airflow_provider_convexport.export.dataset.reader import read_partitions
from airflow_provider_convexport.export.window import Window
from airflow_provider_convexport.tables.build import FileSettings
from airflow_provider_convexport.tables.parquet_target import ParquetTarget
from airflow_provider_convexport.tables.raw import partitions_of_interval
from airflow_provider_convexport.tables.run import make_tables
from airflow_provider_convexport.tables.schema import TABLES
from tests.support.stores import local_store
from tests.support.tables import NOW, TASK

TYPES = {
    "string": "VARCHAR",
    "timestamp": "TIMESTAMPTZ",
    "date": "DATE",
    "boolean": "BOOLEAN",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "strings": "VARCHAR[]",
    "json": "VARCHAR",
}


def make_all_tables(sources: Iterable[Path], destination: Path, interval: Window) -> None:
    """Make the tables of raw datasets, which may lack parts of the interval."""
    raw = partitions_of_interval([local_store(each) for each in sources], interval)
    make_tables(raw.found, ParquetTarget(local_store(destination), TASK, lambda: NOW), FileSettings())


@contextmanager
def engine_with(tables: Mapping[str, Iterable[Mapping[str, Any]]]) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a DuckDB that has tables of some rows, and the views; columns that a row lacks are null."""
    with duckdb.connect() as engine:
        for table in TABLES.values():
            columns = ", ".join(f"{column.name} {TYPES[column.kind]}" for column in table.columns)
            engine.execute(f"CREATE TABLE {table.name} ({columns})")
            for row in tables.get(table.name, ()):
                names, marks = ", ".join(row), ", ".join("?" * len(row))
                insert = f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608 - our own names
                engine.execute(insert, list(row.values()))
        engine.execute(views_for("duckdb"))
        yield engine


@contextmanager
def engine_over(root: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a DuckDB that reads the tables under a folder through their manifests, and has the views."""
    with duckdb.connect() as engine:
        for name in TABLES:
            urls = [url for part in read_partitions(str(root / name)) for url in part.urls]
            paths = [url.removeprefix("file://") for url in urls]
            engine.read_parquet(paths, union_by_name=True, hive_partitioning=False).create_view(name)
        engine.execute(views_for("duckdb"))
        yield engine


def current_records(engine: duckdb.DuckDBPyConnection, table: str) -> dict[str, bytes]:
    """Return the records that a view shows, as the vendor sent them, by id."""
    identity = f"{table.removesuffix('s')}_id"
    rows = engine.table(f"current_{table}").project(f"{identity}, raw").fetchall()
    found = {each: raw.encode() for each, raw in rows}
    assert len(found) == len(rows), f"current_{table} shows an id more than once"
    return found
