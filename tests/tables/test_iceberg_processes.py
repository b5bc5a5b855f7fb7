from __future__ import annotations

import json
import random
import time
from collections import Counter
from datetime import timedelta

import pytest
from pyiceberg.table.snapshots import Operation

from airflow_provider_convexport.tables.iceberg import IcebergTarget
from tests.support.iceberg import (
    FIRST,
    key_of,
    sql_catalog,
    sqlite_uri,
    task_of,
    texts_in,
    texts_of,
    version_of,
    write,
)
from tests.support.iceberg_processes import MESSAGES, check_whole, eight_writers, poll, versions_read
from tests.support.iceberg_writer import ROWS, Writer

pytestmark = pytest.mark.slow


def raw_commits(snapshot):
    """Numbers of the raw versions that a snapshot's commit put into its days."""
    listed = json.loads(snapshot.summary["convexport.partitions"])
    return [int(each["raw_commit"], 16) for each in listed]


def test_eight_processes_write_eight_days_at_once_and_readers_see_whole_days_only(tmp_path):
    eight_writers(tmp_path, sqlite_uri(tmp_path))


def test_processes_that_write_the_same_days_end_with_the_newest_version(tmp_path):
    with sql_catalog(tmp_path, sqlite_uri(tmp_path)) as catalog:
        writers = [Writer(tmp_path, sqlite_uri(tmp_path), [0, 1], [number]) for number in (3, 1, 4, 2)]
        poll(catalog, writers)
        for each in writers:
            each.end()

        table = catalog.load_table(MESSAGES)
        expected = [text for day in (0, 1) for text in texts_of(key_of(day), version_of(4), ROWS)]
        assert texts_in(table) == expected
        switched = [number for snapshot in table.snapshots() for number in raw_commits(snapshot)]
        assert switched == sorted(switched)


def test_processes_that_are_killed_at_random_moments_leave_whole_days_and_commit_nothing_twice(tmp_path):
    moments = random.Random(13)
    days, versions = [0, 1, 2], range(1, 24)
    kills, until = 0, time.monotonic() + 25
    with sql_catalog(tmp_path, sqlite_uri(tmp_path)) as catalog:
        write(
            IcebergTarget(catalog, "support", task_of("first")),
            *((key_of(day), version_of(0), ROWS) for day in days),
        )
        while time.monotonic() < until:
            writer = Writer(tmp_path, sqlite_uri(tmp_path), days, versions)
            first = writer.next_version()
            assert first is not None
            time.sleep(moments.uniform(0, 0.5))
            writer.kill()
            kills += 1
            table = catalog.load_table(MESSAGES)
            found = versions_read(table)
            check_whole(found)
            assert set(found) == {str(FIRST + timedelta(days=day)) for day in days}
            assert len({tuple(each) for each in found.values()}) == 1, found

        Writer(tmp_path, sqlite_uri(tmp_path), days, versions).end()
        table = catalog.load_table(MESSAGES)
        assert texts_in(table) == [
            text for day in days for text in texts_of(key_of(day), version_of(versions[-1]), ROWS)
        ]
        switched = Counter(
            raw_commits(each)[0]
            for each in table.snapshots()
            if each.summary["operation"] == Operation.APPEND
        )
        assert set(switched.values()) == {1}
    assert kills >= 5
