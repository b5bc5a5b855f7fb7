"""Kills and stops tasks that make Iceberg tables at any moment, while raw versions change."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.io.pyarrow import PyArrowFile
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Operation

from airflow_provider_convexport.operators.tables import ConversationTablesOperator
from tests.crash.moments import Moment, Moments, Places
from tests.crash.tries import FORK, KILLED, OwnProcess, wake
from tests.support.iceberg import sqlite_catalog, sqlite_uri
from tests.support.processes import exit_code, wait_until_stopped
from tests.support.samples import APRIL_1, DAY
from tests.support.tables import INTERVAL, ada_message, disk, put_raw

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")]

DAYS = 2
SEEDS = range(25)
SIZES = {"v1": 20, "v2": 30, "v3": 40}
"""Number of messages of each day in the raw versions; each message says which version it is of."""
CATALOG = ((SqlCatalog, "load_table"), (SqlCatalog, "commit_table"), (PyArrowFile, "create"))
"""What a task does with the catalog and its files."""


def export(root: Path, version: str) -> None:
    """Publish a raw version of all days."""
    for day in range(DAYS):
        lines = [ada_message(100 * day + number, version) for number in range(SIZES[version])]
        put_raw(
            disk(root / "raw"),
            lines,
            day=APRIL_1 + day * DAY,
            requested_at=float(version.removeprefix("v")),
        )


@dataclass(frozen=True)
class Try(OwnProcess):
    """One try of a task that makes tables in the catalog of a folder.

    :param root: Folder of the raw dataset, the catalog and the tables.
    :param run_id: Which run.
    :param moment: When it gets a signal.
    :param counts: Shared memory for the numbers of its moments, if they are to be counted.
    """

    root: Path
    run_id: str = "manual__1"
    moment: Moment | None = None
    counts: Any = None

    def _run(self) -> None:
        Moments(self.moment, self.counts).install(*CATALOG)
        extra = {"type": "sql", "uri": sqlite_uri(self.root), "warehouse": f"file://{self.root}/warehouse"}
        os.environ["AIRFLOW_CONN_LAKE"] = json.dumps({"conn_type": "iceberg", "extra": extra})
        operator = ConversationTablesOperator(
            task_id="tables",
            sources=str(self.root / "raw"),
            namespace="support",
            iceberg_conn_id="lake",
            target_file_bytes=1,
        )
        operator.execute({**INTERVAL, "run_id": self.run_id})
        os._exit(0)


@pytest.fixture(scope="module")
def moments(tmp_path_factory) -> int:
    """The number of moments of one undisturbed run that replaces an older version."""
    root = tmp_path_factory.mktemp("undisturbed")
    export(root, "v1")
    assert Try(root).exit_code() == 0
    export(root, "v2")
    counts = FORK.Array("i", 2)
    assert Try(root, "manual__2", counts=counts).exit_code() == 0
    return counts[0]


@contextmanager
def table_in(root: Path) -> Iterator[Table | None]:
    """The table as a reader finds it now, if it is there."""
    with sqlite_catalog(root, "lake") as catalog:
        name = ("support", "messages")
        yield catalog.load_table(name) if catalog.table_exists(name) else None


def assert_whole(root: Path) -> None:
    """Each day of the table is whole and of one raw version, even while others commit."""
    with table_in(root) as table:
        if table is None:
            return
        found: defaultdict[Any, Counter[str]] = defaultdict(Counter)
        for row in table.scan(selected_fields=("partition_date", "text")).to_arrow().to_pylist():
            found[row["partition_date"]][row["text"]] += 1
    for texts in found.values():
        assert texts in [Counter({version: size}) for version, size in SIZES.items()]


def assert_made_of(root: Path, version: str) -> None:
    """The table holds one raw version of all days and nothing else, and no version was committed twice."""
    assert_whole(root)
    with table_in(root) as table:
        assert table is not None
        texts = Counter(table.scan().to_arrow()["text"].to_pylist())
        commits = Counter(
            each["raw_commit"]
            for snapshot in table.snapshots()
            if snapshot.summary is not None and snapshot.summary.operation == Operation.APPEND
            for each in json.loads(snapshot.summary["convexport.partitions"])
        )
    assert texts == Counter({version: SIZES[version] * DAYS})
    assert set(commits.values()) == {1}, commits


@pytest.mark.parametrize("seed", SEEDS)
def test_iceberg_tables_are_whole_whatever_is_killed_stopped_or_exported_again_meanwhile(
    moments, tmp_path, seed
):
    places = Places(seed, len(SEEDS), moments)
    one = Try(tmp_path / "one")
    other = replace(one, run_id="manual__2")

    export(one.root, "v1")
    if seed % 2:
        assert one.exit_code() == 0
    export(one.root, "v2")
    slow = replace(one, run_id="manual__3", moment=places.moment(signal.SIGSTOP)).start()
    wait_until_stopped(slow)
    killed = replace(other, moment=places.moment(signal.SIGKILL)).exit_code()
    assert_whole(one.root)
    if places.chance.random() < 0.5:
        export(one.root, "v3")

    again = other.start()
    time.sleep(places.chance.random() * 0.05)
    wake(slow)
    export(one.root, "v3")
    while any(process.is_alive() for process in (slow, again)):
        assert_whole(one.root)

    assert killed in (KILLED, 0)
    assert (exit_code(slow), exit_code(again)) == (0, 0)
    assert other.exit_code() == 0
    assert_made_of(one.root, "v3")
