"""Processes that write one Iceberg table at once, and a reader that looks all the time."""

from __future__ import annotations

from collections import Counter

from tests.support.iceberg import (
    files_named,
    files_on_disk,
    key_of,
    sql_catalog,
    texts_in,
    texts_of,
    version_of,
)
from tests.support.iceberg_writer import ROWS, Writer

MESSAGES = ("support", "messages")


def versions_read(table):
    """Which version each day has, and with how many rows."""
    days: dict[str, Counter[int]] = {}
    for text in texts_in(table):
        day, version, _ = text.split()
        days.setdefault(day, Counter())[int(version)] += 1
    return days


def check_whole(days):
    """Each day holds all rows of exactly one version."""
    for versions in days.values():
        assert list(versions.values()) == [ROWS], days


def poll(catalog, writers):
    """Read the table all the time until all writers have ended; return how often."""
    reads = 0
    while any(each.is_alive for each in writers):
        if catalog.table_exists(MESSAGES):
            check_whole(versions_read(catalog.load_table(MESSAGES)))
            reads += 1
    return reads


def eight_writers(folder, uri):
    """Eight processes write a day each into a table that does not exist yet, while this one reads."""
    with sql_catalog(folder, uri) as catalog:
        writers = [Writer(folder, uri, [day], [2]) for day in range(8)]
        reads = poll(catalog, writers)
        for each in writers:
            assert each.end() == [2]
        table = catalog.load_table(MESSAGES)
        assert reads > 0
        assert texts_in(table) == sorted(
            text for day in range(8) for text in texts_of(key_of(day), version_of(2), ROWS)
        )
        commits = Counter(each.summary["convexport.commit"] for each in table.snapshots())
        assert len(commits) == 8
        assert files_named(table) <= files_on_disk(folder)
        assert len(files_on_disk(folder)) == 8
