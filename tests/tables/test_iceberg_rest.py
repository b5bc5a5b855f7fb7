from __future__ import annotations

from datetime import timedelta

import pytest
from pyiceberg.catalog import load_catalog

from airflow_provider_convexport.errors import ConfigurationError, DestinationUnavailableError
from airflow_provider_convexport.tables import iceberg
from airflow_provider_convexport.tables.iceberg import IcebergTarget
from tests.support.iceberg import (
    FIRST,
    files_named,
    files_on_disk,
    key_of,
    sqlite_catalog,
    task_of,
    texts_in,
    texts_of,
    version_of,
    write,
)
from tests.support.rest_catalog import rest_catalog_server

MESSAGES = ("support", "messages")
V1, V2 = version_of(1), version_of(2)


@pytest.fixture
def server(tmp_path):
    with sqlite_catalog(tmp_path) as catalog, rest_catalog_server(catalog) as each:
        yield each


@pytest.fixture
def catalog(server):
    each = load_catalog("tests", type="rest", uri=server.url)
    yield each
    each.close()


def target_of(catalog, run="run"):
    return IcebergTarget(catalog, "support", task_of(run), wait=0.001)


def test_tables_are_written_through_a_rest_catalog(catalog):
    days = [key_of(day) for day in range(3)]
    assert len(write(target_of(catalog), *((day, V1, 2) for day in days))) == 3
    assert write(target_of(catalog, "b"), (days[1], V2, 3), (days[2], V2, 0)) == [
        FIRST + timedelta(days=1),
        FIRST + timedelta(days=2),
    ]

    assert texts_in(catalog.load_table(MESSAGES)) == texts_of(days[0], V1, 2) + texts_of(days[1], V2, 3)
    seen = target_of(catalog, "c").seen(days)
    assert [int(seen[day].source.commit, 16) for day in days] == [1, 2, 2]


@pytest.mark.parametrize("rows", [3, 0], ids=["with rows", "empty"])
@pytest.mark.parametrize(
    "script",
    [
        ["cut after"],
        ["500 after"],
        ["cut before"],
        [500, 503, "cut before", "cut after"],
    ],
    ids=str,
)
def test_a_lost_answer_of_the_catalog_does_not_commit_twice(catalog, server, tmp_path, script, rows):
    server.script = script

    assert write(target_of(catalog), (key_of(0), V1, rows)) == [FIRST]

    table = catalog.load_table(MESSAGES)
    assert server.commits == 1
    assert len(table.snapshots()) == 1
    assert texts_in(table) == texts_of(key_of(0), V1, rows)
    assert files_on_disk(tmp_path) == files_named(table)


def test_a_catalog_that_refuses_a_commit_is_a_sentence_about_credentials(catalog, server):
    server.script = [403]

    with pytest.raises(ConfigurationError, match=r"refuses the request.*Check the credentials"):
        write(target_of(catalog), (key_of(0), V1, 1))

    assert server.commits == 0


def test_a_catalog_that_is_down_is_worth_a_retry(catalog, server, monkeypatch):
    monkeypatch.setattr(iceberg, "TRIES", 3)
    server.script = [503] * 3

    with pytest.raises(DestinationUnavailableError, match=r"support\.messages"):
        write(target_of(catalog), (key_of(0), V1, 1))

    assert write(target_of(catalog), (key_of(0), V1, 1)) == [FIRST]
