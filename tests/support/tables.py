"""Raw partitions without an export, and what tables hold."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pendulum
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from airflow_provider_convexport.export.dataset.manifest import (
    MANIFEST,
    FileEntry,
    Manifest,
    RunFacts,
    Span,
    read_manifest,
)
from airflow_provider_convexport.export.dataset.reader import PublishedPartition
from airflow_provider_convexport.export.dataset.store import Store
from airflow_provider_convexport.export.job import TaskTry
from airflow_provider_convexport.export.window import Window, iso
from airflow_provider_convexport.tables.build import FileSettings
from airflow_provider_convexport.tables.parquet_target import ParquetTarget
from airflow_provider_convexport.tables.raw import partitions_of_interval
from airflow_provider_convexport.tables.run import TablesOutcome, make_tables
from tests.support.samples import APRIL_1, DAY

NOW = APRIL_1.timestamp() + 1_000_000
FIRST = pendulum.instance(APRIL_1)
INTERVAL = {"data_interval_start": FIRST, "data_interval_end": FIRST.add(days=2), "run_id": "scheduled__1"}
"""The context of a run over two days."""
TASK = TaskTry("dag", "tables", "manual__1", order=1)


def ada_message(number: int, text: str = "Hello", at: datetime = APRIL_1) -> bytes:
    """Return a message as Ada sends it."""
    return json.dumps(
        {
            "_id": f"m{number}",
            "conversation_id": f"c{number // 4}",
            "sender": "end_user",
            "recipient": "ada",
            "date_created": f"{at + timedelta(seconds=number % 86_400):%Y-%m-%dT%H:%M:%S}",
            "message_data": {"_type": "text", "body": text},
            "answer_id": "None",
        }
    ).encode()


def put_raw(
    store: Store,
    lines: Iterable[bytes],
    *,
    day: datetime = APRIL_1,
    requested_at: float = 0.0,
    files: int = 1,
    **changes: Any,
) -> Manifest:
    """Publish the raw partition of a day as an export of Ada's messages would; return its manifest.

    :param requested_at: Seconds after the day's end at which the export began.
    :param files: Number of files.
    :param changes: Fields of the manifest.
    """
    records = list(lines)
    folder = f"dt={day:%Y-%m-%d}"
    asked = day + DAY + timedelta(seconds=requested_at)
    commit = hashlib.sha256(b"\n".join(records) + str(asked).encode()).hexdigest()[:16]
    entries = []
    for number in range(files):
        part = b"".join(line + b"\n" for line in records[number::files])
        content = gzip.compress(part, 1, mtime=0)
        name = f"part-{commit}-{number:05d}.jsonl.gz"
        store.put(f"{folder}/{name}", content)
        digest = hashlib.sha256(content).hexdigest()
        entries.append(FileEntry(name, part.count(b"\n"), len(content), len(part), digest))
    facts: dict[str, Any] = {
        "format_version": 1,
        "provider_version": "1",
        "vendor": "ada",
        "stream": "messages",
        "scope": {},
        "filters": {},
        "window_on": "created",
        "partition": Span.of(Window(day, day + DAY)),
        "interval": Span.of(Window(day, day + DAY)),
        "records": len(records),
        "first_record_at": None,
        "last_record_at": None,
        "files": entries,
        "run": RunFacts(1, 1, 0, 0, 0, 0.0),
        "dag_id": "dag",
        "task_id": "export",
        "run_id": "r",
        "map_index": -1,
        "try_number": 1,
        "commit": commit,
        "committed_at": iso(asked.replace(microsecond=0)),
        "requested_at": iso(asked),
        "account": "ada.example",
    }
    manifest = Manifest(**facts | changes)
    old = read_manifest(store, folder)
    store.put(f"{folder}/{MANIFEST}", manifest.encode())
    if old is not None and old.commit != commit:
        store.delete(f"{folder}/{file.name}" for file in old.files)
    return manifest


def disk(folder: Path) -> Store:
    """Return the store of a folder of this machine, which is created."""
    folder.mkdir(parents=True, exist_ok=True)
    return Store.of(LocalFileSystem(), str(folder), f"file://{folder}")


def raw_in(store: Store, interval: Window) -> list[PublishedPartition]:
    """Return the raw partitions of an interval."""
    return partitions_of_interval([store], interval).found


def tables(
    raw: Store,
    destination: Store,
    interval: Window,
    *,
    task: TaskTry = TASK,
    now: float = NOW,
    **settings: Any,
) -> TablesOutcome:
    """Make the tables of an interval."""
    target = ParquetTarget(destination, task, lambda: now)
    return make_tables(raw_in(raw, interval), target, FileSettings(**settings))


def another(task: TaskTry = TASK, **changes: Any) -> TaskTry:
    """Return another task try."""
    return replace(task, **{"run_id": "manual__2"} | changes)


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """Return all rows that the manifests under a folder name, after a comparison with their manifests."""
    found = []
    for path in sorted(folder.rglob(MANIFEST)):
        manifest = json.loads(path.read_text())
        rows: list[dict[str, Any]] = []
        for entry in manifest["files"]:
            content = (path.parent / entry["name"]).read_bytes()
            assert (len(content), hashlib.sha256(content).hexdigest()) == (entry["bytes"], entry["sha256"])
            part = pq.ParquetFile(path.parent / entry["name"]).read().to_pylist()
            assert len(part) == entry["records"]
            rows += part
        assert len(rows) == manifest["records"]
        found += rows
    return found
