"""Partitions for Iceberg tables, made of few rows, and a catalog in a folder."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from airflow_provider_convexport.export.dataset.manifest import RawVersion, Span
from airflow_provider_convexport.export.dataset.reader import PublishedPartition
from airflow_provider_convexport.export.job import TaskTry
from airflow_provider_convexport.tables.iceberg import IcebergTarget
from airflow_provider_convexport.tables.schema import COMMON, TABLES
from airflow_provider_convexport.tables.target import BuiltPartition, LocalFile, TablePartition, TableVersion

FIRST = date(2026, 4, 1)


@contextlib.contextmanager
def sql_catalog(folder: Path, uri: str, name: str = "tests") -> Iterator[SqlCatalog]:
    """A catalog in a database, whose files are in a folder; several processes may use it."""
    catalog = SqlCatalog(name, uri=uri, warehouse=f"file://{folder}/warehouse")
    try:
        yield catalog
    finally:
        catalog.close()


def sqlite_uri(folder: Path) -> str:
    return f"sqlite:///{folder}/catalog.db"


def sqlite_catalog(folder: Path, name: str = "tests") -> contextlib.AbstractContextManager[SqlCatalog]:
    """The same in a file of that folder."""
    return sql_catalog(folder, sqlite_uri(folder), name)


def key_of(day: int, table: str = "messages", **changes: Any) -> TablePartition:
    """The partition of a day, counted from `FIRST`."""
    on = FIRST + timedelta(days=day)
    facts: dict[str, Any] = {
        "table": table,
        "vendor": "agentx",
        "stream": "messages",
        "account": "",
        "filters": (),
        "scope": (("bot_name", "A bot with quite a long name"),),
        "window_on": "time",
        "partition": Span(f"{on}T00:00:00Z", f"{on + timedelta(days=1)}T00:00:00Z"),
        "partition_by": "day",
        "date": on,
        "folder": f"dt={on}",
    }
    return TablePartition(**(facts | changes))


def version_of(number: int, *, schema: int = 1) -> TableVersion:
    """A version of which the raw records were requested in an hour of one day; a later one is newer."""
    requested = f"2026-05-01T{number:02d}:00:00.123456Z"
    commit = f"{number:016x}"
    return TableVersion(
        RawVersion(commit, requested, f"2026-05-01T{number:02d}:30:00Z", f"file:///raw/{commit}"),
        schema,
        True,
    )


def texts_of(key: TablePartition, version: TableVersion, count: int) -> list[str]:
    """The texts of a partition's rows."""
    return [f"{key.date} {int(version.source.commit, 16)} {number}" for number in range(count)]


@contextlib.contextmanager
def built(
    key: TablePartition, version: TableVersion, *, rows: Sequence[int] = (3,), without: Sequence[str] = ()
) -> Iterator[BuiltPartition]:
    """A partition with one file for each number of rows."""
    table = TABLES[key.table]
    schema = table.arrow()
    common = dict(
        zip(
            [column.name for column in COMMON],
            [
                key.vendor,
                key.scope_text,
                key.date,
                key.window_on,
                datetime.fromisoformat(version.source.committed_at),
            ],
            strict=True,
        )
    )
    column = "text" if key.table == "messages" else "subject"
    with tempfile.TemporaryDirectory() as folder:
        files = []
        texts = texts_of(key, version, sum(rows))
        for number, count in enumerate(rows):
            path = Path(folder, f"{number}.parquet")
            taken, texts = texts[:count], texts[count:]
            content = [{**common, column: text, "raw": f'{{"text":"{text}"}}'} for text in taken]
            fields = pa.Table.from_pylist(content, schema=schema)
            pq.write_table(fields.drop_columns(list(without)), path)
            files.append(LocalFile(path, count, path.stat().st_size, 0, ""))
        partition = cast("PublishedPartition", None)
        yield BuiltPartition(key, version, partition, files, sum(rows), {}, "fingerprint")


def write(target: IcebergTarget, *partitions: tuple[TablePartition, TableVersion, int]) -> list[date]:
    """What a run does: publish partitions of so many rows, and commit; returns the days that were written."""
    for key, version, rows in partitions:
        with built(key, version, rows=(rows,) if rows else ()) as each:
            target.publish(each)
    return sorted(written.key.date for written in target.commit())


def texts_in(table: Table) -> list[str]:
    """The texts of all rows of a table of messages, sorted."""
    return sorted(table.scan(selected_fields=("text",)).to_arrow()["text"].to_pylist())


def task_of(run: str = "run", **changes: Any) -> TaskTry:
    return TaskTry(dag_id="dag", task_id="tables", run_id=run, **changes)


def files_on_disk(folder: Path) -> set[str]:
    """Paths of all data files in the warehouse of `sqlite_catalog`."""
    return {str(path) for path in Path(folder, "warehouse").rglob("part-*.parquet")}


def files_named(table: Table) -> set[str]:
    """Paths of all data files of the current snapshot."""
    return {task.file.file_path.removeprefix("file://") for task in table.scan().plan_files()}
