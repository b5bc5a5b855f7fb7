"""Kills and stops tasks that make tables at any moment, while others make them and raw versions change."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from airflow_provider_convexport.export.job import TaskTry
from airflow_provider_convexport.tables import parquet_files
from tests.crash.moments import Moment, Moments, Places
from tests.crash.tries import FORK, KILLED, OwnProcess, wake
from tests.support.processes import exit_code, wait_until_stopped
from tests.support.published import assert_tidy, is_as_said
from tests.support.samples import APRIL_1, DAY, days
from tests.support.tables import TASK, ada_message, disk, put_raw, rows_of, tables

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")]

DAYS = 2
SEEDS = range(25)
SIZES = {"v1": 60, "v2": 80, "v3": 100}
"""Number of messages of each day in the raw versions; each message says which version it is of."""
SET = "messages/ada-created"


@pytest.fixture(autouse=True)
def _small_row_groups(monkeypatch):
    """Several files in each partition."""
    monkeypatch.setattr(parquet_files, "BATCH_ROWS", 10)
    monkeypatch.setattr(parquet_files, "ROW_GROUP_ROWS", 20)


def export(root: Path, version: str) -> None:
    """Publish a raw version of all days."""
    for day in range(DAYS):
        lines = [ada_message(number, version) for number in range(SIZES[version])]
        asked = float(version.removeprefix("v"))
        put_raw(disk(root / "raw"), lines, day=APRIL_1 + day * DAY, requested_at=asked, files=3)


@dataclass(frozen=True)
class Try(OwnProcess):
    """One try of a task that makes tables.

    :param root: Folder of the raw dataset and of the tables.
    :param task: Which task.
    :param moment: When it gets a signal.
    :param counts: Shared memory for the numbers of its moments, if they are to be counted.
    """

    root: Path
    task: TaskTry = TASK
    moment: Moment | None = None
    counts: Any = None

    def _run(self) -> None:
        Moments(self.moment, self.counts).install()
        tables(
            disk(self.root / "raw"),
            disk(self.root / "lake"),
            days(DAYS),
            task=self.task,
            now=time.time(),
            target_file_bytes=1,
        )
        os._exit(0)


@pytest.fixture(scope="module")
def counted() -> list[int]:
    """The number of moments, once it is known."""
    return []


@pytest.fixture
def moments(counted, tmp_path) -> int:
    """The number of moments of one undisturbed run that replaces an older version."""
    if not counted:
        root = tmp_path / "undisturbed"
        export(root, "v1")
        assert Try(root).exit_code() == 0
        export(root, "v2")
        counts = FORK.Array("i", 2)
        assert Try(root, replace(TASK, run_id="manual__2"), counts=counts).exit_code() == 0
        counted.append(counts[0])
    return counted[0]


def whole_partition(path: Path) -> Counter[str] | None:
    """Return the texts of a partition that is whole; ``None`` if it was replaced while it was read."""
    text = path.read_text()
    texts: Counter[str] = Counter()
    for entry in json.loads(text)["files"]:
        try:
            content = (path.parent / entry["name"]).read_bytes()
        except FileNotFoundError:
            assert path.read_text() != text, f"{path} names {entry['name']}, which is not there"
            return None
        assert is_as_said(entry, content)
        try:
            file = pq.ParquetFile(path.parent / entry["name"])
        except FileNotFoundError:
            return None
        texts.update(file.read(columns=["text"])["text"].to_pylist())
    return texts


def assert_whole(root: Path) -> None:
    """Each partition of the table is whole and of one raw version, even while others publish."""
    for path in (root / "lake" / SET).glob("dt=*/_manifest.json"):
        texts = whole_partition(path)
        assert texts is None or texts in [Counter({version: size}) for version, size in SIZES.items()]


def read_until_ended(processes: list[Any], root: Path) -> None:
    while any(process.is_alive() for process in processes):
        assert_whole(root)
        time.sleep(0.005)
    assert_whole(root)


def assert_made_of(root: Path, version: str) -> None:
    """The table holds one raw version and nothing else, and nothing lies about."""
    assert_whole(root)
    texts = Counter(row["text"] for row in rows_of(root / "lake"))
    assert texts == Counter({version: SIZES[version] * DAYS})
    assert_tidy(root / "lake" / SET)


@pytest.mark.parametrize("seed", SEEDS)
def test_tables_are_whole_whatever_is_killed_stopped_or_exported_again_meanwhile(moments, tmp_path, seed):
    places = Places(seed, len(SEEDS), moments)
    one = Try(tmp_path / "one")
    other = Try(tmp_path / "one", replace(TASK, run_id="manual__2", order=2))

    export(one.root, "v1")
    if seed % 2:
        assert one.exit_code() == 0
    export(one.root, "v2")
    slow = replace(one, task=replace(TASK, run_id="manual__3"), moment=places.moment(signal.SIGSTOP)).start()
    wait_until_stopped(slow)
    killed = replace(other, moment=places.moment(signal.SIGKILL)).exit_code()
    assert_whole(one.root)
    if places.chance.random() < 0.5:
        export(one.root, "v3")

    again = replace(other, task=replace(other.task, try_number=2, order=3)).start()
    time.sleep(places.chance.random() * 0.05)
    wake(slow)
    export(one.root, "v3")
    read_until_ended([slow, again], one.root)

    assert killed in (KILLED, 0)
    assert (exit_code(slow), exit_code(again)) == (0, 0)
    last = replace(other, task=replace(other.task, try_number=3, order=4))
    assert last.exit_code() == 0
    assert_made_of(one.root, "v3")


def test_a_run_that_is_killed_before_its_first_manifest_leaves_nothing_that_readers_see(moments, tmp_path):
    attempt = Try(tmp_path / "killed", moment=Moment(moments // 8, signal.SIGKILL))
    export(attempt.root, "v1")

    assert attempt.exit_code() == KILLED

    assert_whole(attempt.root)
    assert replace(attempt, moment=None, task=replace(TASK, try_number=2, order=2)).exit_code() == 0
    assert_made_of(attempt.root, "v1")
