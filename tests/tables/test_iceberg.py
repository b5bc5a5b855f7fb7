from __future__ import annotations

import logging
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from pyiceberg.exceptions import CommitFailedException, CommitStateUnknownException
from pyiceberg.expressions import EqualTo
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.transforms import DayTransform
from pyiceberg.types import LongType, NestedField, StringType

from airflow_provider_convexport.errors import ConfigurationError, DestinationUnavailableError
from airflow_provider_convexport.tables import iceberg, iceberg_version
from airflow_provider_convexport.tables import schema as schemas
from airflow_provider_convexport.tables.iceberg import IcebergTarget
from airflow_provider_convexport.tables.iceberg_urls import check_url
from tests.support.iceberg import (
    FIRST,
    built,
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

MESSAGES = ("support", "messages")
V1, V2, V3 = version_of(1), version_of(2), version_of(3)


@pytest.fixture
def catalog(tmp_path):
    with sqlite_catalog(tmp_path) as each:
        yield each


def target_of(catalog, run="run", **changes):
    return IcebergTarget(catalog, "support", task_of(run), wait=0.001, **changes)


def commits_of(table):
    """Ids of the commits in a table's history, without repetition."""
    return list(dict.fromkeys(each.summary["convexport.commit"] for each in table.snapshots()))


def test_a_first_run_creates_the_namespace_and_the_table(catalog):
    assert write(target_of(catalog), (key_of(0), V1, 3)) == [FIRST]

    table = catalog.load_table(MESSAGES)
    assert [field.name for field in table.spec().fields] == ["vendor", "scope", "window_on", "partition_date"]
    assert {str(field.transform) for field in table.spec().fields} == {"identity"}
    assert [field.name for field in table.schema().fields] == [c.name for c in schemas.MESSAGES.columns]
    assert [field.doc for field in table.schema().fields] == [c.meaning for c in schemas.MESSAGES.columns]
    assert table.properties["commit.retry.num-retries"] == "20"
    assert table.properties["write.metadata.delete-after-commit.enabled"] == "true"
    assert texts_in(table) == texts_of(key_of(0), V1, 3)


def test_the_same_day_of_two_tables_goes_to_two_tables(catalog):
    conversations = key_of(0, "conversations", stream="conversations")
    target = target_of(catalog)

    write(target, (key_of(0), V1, 3), (conversations, V1, 2))

    assert target_of(catalog, "b").seen([key_of(0), conversations]).keys() == {key_of(0), conversations}
    assert catalog.load_table(("support", "conversations")).scan().count() == 2
    assert catalog.load_table(MESSAGES).scan().count() == 3


def test_thirty_days_are_switched_at_once_and_one_of_them_is_replaced_alone(catalog):
    days = [key_of(day) for day in range(30)]
    write(target_of(catalog), *((day, V1, 2) for day in days))
    first = catalog.load_table(MESSAGES)

    write(target_of(catalog, "b"), (days[7], V2, 4))

    table = catalog.load_table(MESSAGES)
    expected = [text for day in days if day != days[7] for text in texts_of(day, V1, 2)]
    assert len(first.snapshots()) == 1
    assert texts_in(table) == sorted(expected + texts_of(days[7], V2, 4))
    assert sorted(first.scan().to_arrow()["text"].to_pylist()) == sorted(
        text for day in days for text in texts_of(day, V1, 2)
    )


def test_every_snapshot_of_a_commit_says_what_it_is(catalog):
    write(target_of(catalog), (key_of(0), V1, 1), (key_of(1), V1, 1))
    write(target_of(catalog), (key_of(0), V2, 1))

    first, deletion, addition = catalog.load_table(MESSAGES).snapshots()
    assert first.summary["convexport.interval"] == "2026-04-01T00:00:00Z/2026-04-03T00:00:00Z"
    assert first.summary["convexport.task"] == "dag/tables/run/-1"
    assert (
        '"date":"2026-04-02","rows":1,"raw_commit":"0000000000000001"'
        in first.summary["convexport.partitions"]
    )
    assert deletion.summary["convexport.commit"] == addition.summary["convexport.commit"]
    assert first.summary["convexport.commit"] != addition.summary["convexport.commit"]


def test_the_list_of_partitions_in_a_summary_is_bounded(catalog):
    write(target_of(catalog), *((key_of(day), V1, 0) for day in range(200)))

    (snapshot,) = catalog.load_table(MESSAGES).snapshots()
    assert len(snapshot.summary["convexport.partitions"]) <= 16_000
    assert '"left_out":' in snapshot.summary["convexport.partitions"]


def test_what_is_there_is_seen_by_another_run(catalog):
    plain = replace(V2, include_raw=False, schema_version=7)
    write(target_of(catalog), (key_of(0), V1, 3), (key_of(1), plain, 3))

    seen = target_of(catalog, "b").seen([key_of(0), key_of(1), key_of(2)])

    assert seen == {
        key_of(0): replace(V1, source=replace_url(V1.source)),
        key_of(1): replace(plain, source=replace_url(V2.source)),
    }
    assert not seen[key_of(0)].source.is_newer_than(V1.source)
    assert not V1.source.is_newer_than(seen[key_of(0)].source)


def replace_url(source):
    return type(source)(source.commit, source.requested_at, source.committed_at, "")


def test_a_raw_version_whose_request_is_not_dated_is_seen_as_such(catalog):
    undated = replace(V1, source=type(V1.source)("00", "", V1.source.committed_at, ""))
    write(target_of(catalog), (key_of(0), undated, 1))

    assert target_of(catalog, "b").seen([key_of(0)]) == {key_of(0): undated}


def test_a_catalog_without_the_table_has_seen_nothing_and_gets_none(catalog):
    target = target_of(catalog)

    assert target.seen([key_of(0)]) == {}
    assert target.commit() == []
    assert catalog.list_namespaces() == []


def test_an_empty_day_is_recorded_and_is_not_a_missing_one(catalog):
    write(target_of(catalog), (key_of(0), V1, 0), (key_of(1), V1, 2))

    table = catalog.load_table(MESSAGES)
    seen = target_of(catalog, "b").seen([key_of(0), key_of(1), key_of(2)])
    assert sorted(key.date for key in seen) == [FIRST, FIRST + timedelta(days=1)]
    assert seen[key_of(0)].source.commit == V1.source.commit
    assert texts_in(table) == texts_of(key_of(1), V1, 2)
    assert '"rows":0' in table.current_snapshot().summary["convexport.partitions"]


def test_a_run_of_empty_days_alone_has_a_snapshot(catalog):
    write(target_of(catalog), (key_of(0), V1, 0))

    (snapshot,) = catalog.load_table(MESSAGES).snapshots()
    assert snapshot.summary["total-data-files"] == "0"


def test_a_day_becomes_empty_and_full_again(catalog):
    for version, rows in ((V1, 3), (V2, 0), (V3, 2)):
        write(target_of(catalog), (key_of(0), version, rows))
        table = catalog.load_table(MESSAGES)
        assert texts_in(table) == texts_of(key_of(0), version, rows)
        assert target_of(catalog, "b").seen([key_of(0)])[key_of(0)].source.commit == version.source.commit

    assert not [name for name in table.properties if name.startswith("convexport.empty.")]


def test_only_so_many_empty_days_are_remembered(catalog, monkeypatch):
    monkeypatch.setattr(iceberg_version, "MAX_EMPTY", 3)
    days = [key_of(day) for day in range(5)]

    write(target_of(catalog), *((day, V1, 0) for day in days[1:]))
    write(target_of(catalog), (days[0], V1, 0))

    assert target_of(catalog, "b").seen(days).keys() == set(days[2:])


def test_the_same_version_commits_nothing(catalog, tmp_path):
    write(target_of(catalog), (key_of(0), V1, 3))
    before = catalog.load_table(MESSAGES).metadata_location

    assert write(target_of(catalog, "b"), (key_of(0), V1, 3)) == []

    table = catalog.load_table(MESSAGES)
    assert table.metadata_location == before
    assert files_on_disk(tmp_path) == files_named(table)


@pytest.mark.parametrize("rows", [2, 0], ids=["with rows", "empty"])
def test_an_older_raw_version_never_replaces_a_newer_one(catalog, tmp_path, caplog, rows):
    write(target_of(catalog), (key_of(0), V2, rows), (key_of(1), V1, 1))

    with caplog.at_level(logging.WARNING):
        written = write(target_of(catalog, "b"), (key_of(0), V1, 5), (key_of(1), V2, 2))

    table = catalog.load_table(MESSAGES)
    assert written == [FIRST + timedelta(days=1)]
    assert texts_in(table) == sorted(texts_of(key_of(0), V2, rows) + texts_of(key_of(1), V2, 2))
    assert "2026-04-01" in caplog.text
    assert "keeps its version, which is newer" in caplog.text
    assert not [path for path in files_on_disk(tmp_path) if V1.source.commit in path and "2026-04-01" in path]


def test_a_later_try_of_the_same_task_returns_what_an_earlier_one_has_written(catalog):
    write(target_of(catalog), (key_of(0), V1, 3), (key_of(1), V1, 0))
    target = target_of(catalog)

    target.seen([key_of(0), key_of(1)])

    assert [(each.key, each.rows, each.files) for each in target.commit()] == [
        (key_of(0), 3, 1),
        (key_of(1), 0, 0),
    ]
    other = target_of(catalog, "another run")
    other.seen([key_of(0)])
    assert other.commit() == []


def test_versions_are_known_after_the_history_was_lost(catalog):
    days = [key_of(day) for day in range(4)]
    write(target_of(catalog), *((day, V1, 2) for day in days[:3]))
    write(target_of(catalog), (days[0], V2, 2), (days[3], V2, 0))
    write(target_of(catalog), (days[1], V3, 1))
    table = catalog.load_table(MESSAGES)
    table.maintenance.expire_snapshots().by_ids(
        [each.snapshot_id for each in table.snapshots()[:-1]]
    ).commit()
    assert len(catalog.load_table(MESSAGES).snapshots()) == 1

    seen = target_of(catalog, "b").seen(days)

    assert [int(seen[day].source.commit, 16) for day in days] == [2, 3, 1, 2]
    assert write(target_of(catalog, "b"), *((day, V1, 9) for day in days)) == []


def test_another_writer_in_between_does_not_hide_versions(catalog):
    write(target_of(catalog), (key_of(0), V1, 2), (key_of(1), V1, 0))
    table = catalog.load_table(MESSAGES)
    table.append(table.scan().to_arrow().slice(0, 0), snapshot_properties={"by": "somebody else"})

    seen = target_of(catalog, "b").seen([key_of(0), key_of(1)])

    assert [each.source.commit for each in seen.values()] == [V1.source.commit] * 2


def test_a_day_that_somebody_deleted_is_missing_and_can_be_written_again(catalog):
    write(target_of(catalog), (key_of(0), V1, 2), (key_of(1), V1, 2))
    catalog.load_table(MESSAGES).delete(EqualTo("partition_date", str(FIRST)))

    assert target_of(catalog, "b").seen([key_of(0), key_of(1)]).keys() == {key_of(1)}
    assert write(target_of(catalog, "b"), (key_of(0), V1, 2)) == [FIRST]


def test_a_table_that_was_rolled_back_holds_the_former_version(catalog):
    write(target_of(catalog), (key_of(0), V1, 2))
    first = catalog.load_table(MESSAGES).current_snapshot()
    write(target_of(catalog), (key_of(0), V2, 0))
    catalog.load_table(MESSAGES).manage_snapshots().rollback_to_snapshot(first.snapshot_id).commit()

    assert target_of(catalog, "b").seen([key_of(0)])[key_of(0)].source.commit == V1.source.commit
    write(target_of(catalog, "b"), (key_of(0), V2, 0))
    assert texts_in(catalog.load_table(MESSAGES)) == []


def test_a_compacted_day_stays_until_its_raw_partition_is_exported_again(catalog):
    write(target_of(catalog), (key_of(0), V1, 2))
    table = catalog.load_table(MESSAGES)
    table.overwrite(table.scan().to_arrow())  # under names of pyiceberg's own

    seen = target_of(catalog, "b").seen([key_of(0)])

    assert seen[key_of(0)].source.commit == ""
    assert seen[key_of(0)].source.committed_at == V1.source.committed_at
    assert write(target_of(catalog, "b"), (key_of(0), V1, 9)) == []
    assert write(target_of(catalog, "b"), (key_of(0), V2, 1)) == [FIRST]
    assert texts_in(catalog.load_table(MESSAGES)) == texts_of(key_of(0), V2, 1)


def test_other_exports_with_the_same_days_are_refused(catalog):
    write(target_of(catalog), (key_of(0), V1, 2))
    filtered = key_of(0, filters=(("status", "open"),))

    with pytest.raises(ConfigurationError, match=r"rows of another export.*namespace of its own"):
        target_of(catalog, "b").seen([filtered])
    with pytest.raises(ConfigurationError, match="rows of another export"):
        write(target_of(catalog, "b"), (filtered, V2, 2))
    assert texts_in(catalog.load_table(MESSAGES)) == texts_of(key_of(0), V1, 2)


@pytest.mark.parametrize("by", ["hour", "interval"])
def test_only_days_are_possible(catalog, by):
    target = target_of(catalog)

    with pytest.raises(ConfigurationError, match=f"partition_by='{by}'.*partition_by='day'"):
        target.seen([key_of(0, partition_by=by)])
    with pytest.raises(ConfigurationError, match="Nothing was written"):
        write(target, (key_of(0, partition_by=by), V1, 1))
    assert catalog.list_namespaces() == []


def test_a_table_of_an_older_schema_gets_the_new_columns_with_the_rows(catalog, monkeypatch):
    older = replace(schemas.MESSAGES, columns=tuple(c for c in schemas.MESSAGES.columns if c.name not in NEW))
    with monkeypatch.context() as patch:
        patch.setitem(schemas.TABLES, "messages", older)
        write(target_of(catalog), (key_of(0), V1, 1))
    assert not NEW & {field.name for field in catalog.load_table(MESSAGES).schema().fields}

    write(target_of(catalog), (key_of(1), V1, 1))

    table = catalog.load_table(MESSAGES)
    assert len(table.metadata.schemas) == 2
    assert {field.name: str(field.field_type) for field in table.schema().fields if field.name in NEW} == {
        "options": "list<string>",
        "payload": "string",
    }
    assert texts_in(table) == texts_of(key_of(0), V1, 1) + texts_of(key_of(1), V1, 1)
    assert table.scan(selected_fields=("payload", "options")).to_arrow().num_rows == 2


NEW = {"payload", "options"}


def test_files_without_the_column_raw_fit(catalog):
    target = target_of(catalog)
    with built(key_of(0), replace(V1, include_raw=False), without=["raw"]) as each:
        target.publish(each)

    target.commit()

    assert catalog.load_table(MESSAGES).scan().to_arrow()["raw"].to_pylist() == [None] * 3


def test_a_partition_of_several_files_is_one_partition(catalog):
    target = target_of(catalog)
    with built(key_of(0), V1, rows=(3, 2, 4)) as each:
        target.publish(each)

    (written,) = target.commit()

    assert (written.rows, written.files) == (9, 3)
    assert texts_in(catalog.load_table(MESSAGES)) == texts_of(key_of(0), V1, 9)
    assert target_of(catalog, "b").seen([key_of(0)])[key_of(0)].source.commit == V1.source.commit


def other_table(catalog, problem):
    write(target_of(catalog), (key_of(0), V1, 1))
    table = catalog.load_table(MESSAGES)
    match problem:
        case "partitions":
            catalog.drop_table(MESSAGES)
            return catalog.create_table(MESSAGES, schema=table.schema(), partition_spec=PartitionSpec())
        case "transform":
            catalog.drop_table(MESSAGES)
            table = catalog.create_table(MESSAGES, schema=table.schema())
            with table.update_spec() as update:
                update.add_field("sent_at", DayTransform(), "day")
        case "type":
            fields = [each for each in table.schema().fields if each.name != "text"]
            wrong = NestedField(90, "text", LongType(), required=False)
            catalog.drop_table(MESSAGES)
            return catalog.create_table(MESSAGES, schema=Schema(*fields, wrong), partition_spec=table.spec())
        case "required":
            more = NestedField(90, "tenant", StringType(), required=True)
            catalog.drop_table(MESSAGES)
            return catalog.create_table(
                MESSAGES, schema=Schema(*table.schema().fields, more), partition_spec=table.spec()
            )
    return catalog.load_table(MESSAGES)


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        ("partitions", "it is partitioned by nothing, not by vendor, scope, window_on, partition_date"),
        ("transform", r"it is partitioned by day\(sent_at\), not by"),
        ("type", "its column text is long, not string"),
        ("required", "its column tenant may not be null"),
    ],
)
def test_a_table_that_is_another_one_is_refused_and_left_alone(catalog, problem, sentence):
    before = other_table(catalog, problem).metadata_location

    for act in (
        lambda: target_of(catalog).seen([key_of(0)]),
        lambda: write(target_of(catalog), (key_of(0), V2, 1)),
    ):
        with pytest.raises(
            ConfigurationError, match=f"support.messages was not made for these rows: {sentence}"
        ):
            act()

    assert catalog.load_table(MESSAGES).metadata_location == before


def test_a_table_that_changes_between_upload_and_commit_is_left_alone(catalog, tmp_path):
    target = target_of(catalog)
    with built(key_of(0), V2) as each:
        target.publish(each)
    other_table(catalog, "type")

    with pytest.raises(ConfigurationError, match="its column text is long"):
        target.commit()

    assert not [path for path in files_on_disk(tmp_path) if V2.source.commit in path]


def test_files_of_a_run_that_fails_before_its_commit_can_be_deleted(catalog, tmp_path):
    target = target_of(catalog)
    with built(key_of(0), V1) as each:
        target.publish(each)
    assert len(files_on_disk(tmp_path)) == 1

    target.abandon()

    assert files_on_disk(tmp_path) == set()


def test_a_connection_in_a_url_of_iceberg_is_refused(tmp_path):
    with sqlite_catalog(tmp_path) as catalog:
        catalog.properties["warehouse"] = "s3://conn@bucket/tables"

        with pytest.raises(ConfigurationError, match=r"warehouse names 'conn' before the bucket"):
            write(target_of(catalog), (key_of(0), V1, 1))


def test_azures_containers_are_no_connections():
    check_url("abfss://container@account.dfs.core.windows.net/folder", "It")
    with pytest.raises(ConfigurationError, match="'conn'"):
        check_url("abfs://conn@container/folder", "It")


@pytest.mark.parametrize("namespace", ["", " ", "a..b", None])
def test_a_namespace_needs_a_name(catalog, namespace):
    with pytest.raises(ConfigurationError, match="not the name of a namespace"):
        IcebergTarget(catalog, namespace, task_of())


def test_without_pyiceberg_one_sentence_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyiceberg.table", None)

    with pytest.raises(ConfigurationError, match=r"install airflow-provider-convexport\[iceberg\]"):
        IcebergTarget(None, "support", task_of())


def test_a_store_that_refuses_files_is_a_sentence_about_its_credentials(catalog, monkeypatch):
    target = target_of(catalog)

    def refused(*_, **__):
        raise PermissionError(13, "ACCESS_DENIED")

    monkeypatch.setattr("pyiceberg.io.pyarrow.PyArrowFile.create", refused)
    with pytest.raises(ConfigurationError, match=r"refuses the request.*s3\.access-key-id"):
        write(target, (key_of(0), V1, 1))


class Answers:
    """Stands between a table and its catalog: loses answers, refuses commits, or lets others be faster."""

    def __init__(self, monkeypatch, *what):
        self.script, self.sent = list(what), 0
        original = Table._do_commit

        def sent(table, updates, requirements):
            self.sent += 1
            kind = self.script.pop(0) if self.script else "normal"
            if callable(kind):
                kind()
                kind = "normal"
            if kind in ("normal", "lost", "reported as failed"):
                original(table, updates, requirements)
            if kind in ("lost", "never arrives"):
                raise CommitStateUnknownException("no answer")
            if kind in ("reported as failed", "refused"):
                raise CommitFailedException("conflict")

        monkeypatch.setattr(Table, "_do_commit", sent)


@pytest.mark.parametrize(
    ("what", "attempts"),
    [
        (["lost"], 1),
        (["reported as failed"], 1),
        (["never arrives"], 2),
        (["refused"], 2),
        (["never arrives", "refused", "lost"], 3),
    ],
)
@pytest.mark.parametrize("rows", [3, 0], ids=["with rows", "empty"])
def test_whatever_the_catalog_answers_it_is_committed_once(
    catalog, tmp_path, monkeypatch, what, attempts, rows
):
    answers = Answers(monkeypatch, *what)

    assert write(target_of(catalog), (key_of(0), V1, rows)) == [FIRST]

    table = catalog.load_table(MESSAGES)
    assert answers.sent == attempts
    assert len(table.snapshots()) == 1
    assert texts_in(table) == texts_of(key_of(0), V1, rows)
    assert files_on_disk(tmp_path) == files_named(table)


def test_a_catalog_that_never_answers_is_an_error_that_allows_a_retry_and_keeps_the_files(
    catalog, tmp_path, monkeypatch
):
    monkeypatch.setattr(iceberg, "TRIES", 4)
    write(target_of(catalog), (key_of(0), V1, 1))
    Answers(monkeypatch, *["never arrives"] * 4)

    with pytest.raises(DestinationUnavailableError, match=r"support\.messages.*4 attempts"):
        write(target_of(catalog), (key_of(1), V1, 3))

    assert len(files_on_disk(tmp_path)) == 2


def test_the_manifests_of_refused_attempts_are_deleted(catalog, tmp_path, monkeypatch):
    Answers(monkeypatch, "refused", "refused")
    write(target_of(catalog), (key_of(0), V1, 3))

    snapshot = catalog.load_table(MESSAGES).current_snapshot()
    manifests = {
        Path(each.manifest_path).name for each in snapshot.manifests(catalog.load_table(MESSAGES).io)
    }
    manifests.add(Path(snapshot.manifest_list).name)
    assert {path.name for path in tmp_path.rglob("*.avro")} == manifests


@pytest.mark.parametrize("rows", [2, 0], ids=["with rows", "empty"])
def test_of_two_that_commit_the_same_day_at_once_the_newer_wins(catalog, tmp_path, monkeypatch, rows):
    write(target_of(catalog), (key_of(5), V1, 1))

    def newer_is_faster():
        write(target_of(catalog, "b"), (key_of(0), V2, rows))

    Answers(monkeypatch, newer_is_faster)

    written = write(target_of(catalog), (key_of(0), V1, 4), (key_of(1), V1, 4))

    table = catalog.load_table(MESSAGES)
    assert written == [FIRST + timedelta(days=1)]
    expected = texts_of(key_of(5), V1, 1) + texts_of(key_of(0), V2, rows) + texts_of(key_of(1), V1, 4)
    assert texts_in(table) == sorted(expected)
    assert files_on_disk(tmp_path) == files_named(table)


def test_of_two_that_commit_the_same_day_at_once_the_older_may_be_first(catalog, monkeypatch):
    Answers(monkeypatch, lambda: write(target_of(catalog, "b"), (key_of(0), V1, 2)))

    assert write(target_of(catalog), (key_of(0), V2, 4)) == [FIRST]
    assert texts_in(catalog.load_table(MESSAGES)) == texts_of(key_of(0), V2, 4)


def test_no_file_is_deleted_that_a_snapshot_names(catalog, tmp_path):
    for version in (V1, V2, V3):
        write(target_of(catalog), (key_of(0), version, 2))

    table = catalog.load_table(MESSAGES)
    assert len(files_on_disk(tmp_path)) == 3
    for snapshot, version in zip(table.snapshots()[0::2], (V1, V2, V3), strict=True):
        rows = table.scan(snapshot_id=snapshot.snapshot_id).to_arrow()["text"].to_pylist()
        assert sorted(rows) == texts_of(key_of(0), version, 2)


def test_manifests_are_merged_and_nothing_is_lost(catalog):
    write(target_of(catalog), (key_of(0), V1, 1))
    table = catalog.load_table(MESSAGES)
    with table.transaction() as change:
        change.set_properties({"commit.manifest.min-count-to-merge": "3"})
    for day in range(1, 9):
        write(target_of(catalog), (key_of(day), V1, 1), (key_of(day - 1), V2, 1))

    table = catalog.load_table(MESSAGES)
    expected = [text for day in range(8) for text in texts_of(key_of(day), V2, 1)] + texts_of(
        key_of(8), V1, 1
    )
    assert texts_in(table) == sorted(expected)
    assert len(table.current_snapshot().manifests(table.io)) <= 3


def test_a_user_who_changes_the_metrics_of_the_table_changes_no_partition(catalog):
    write(target_of(catalog), (key_of(0), V1, 1))
    with catalog.load_table(MESSAGES).transaction() as change:
        change.remove_properties(
            "write.metadata.metrics.column.scope", "write.metadata.metrics.column.vendor"
        )
        change.set_properties({"write.metadata.metrics.default": "none"})

    write(target_of(catalog), (key_of(0), V2, 2), (key_of(1), V2, 2))

    assert texts_in(catalog.load_table(MESSAGES)) == texts_of(key_of(0), V2, 2) + texts_of(key_of(1), V2, 2)


def test_no_text_of_people_is_in_the_tables_metadata(catalog, tmp_path):
    write(target_of(catalog), (key_of(0), V1, 3))

    table = catalog.load_table(MESSAGES)
    (task,) = table.scan().plan_files()
    named = {table.schema().find_column_name(each) for each in task.file.lower_bounds}
    assert {"vendor", "scope", "window_on", "partition_date", "exported_at"} <= named
    assert not named & {"text", "raw", "payload", "options"}


def test_duckdb_reads_the_files_of_the_current_snapshot(catalog):
    write(target_of(catalog), *((key_of(day), V1, 2) for day in range(3)))
    write(target_of(catalog), (key_of(1), V2, 5))

    files = [task.file.file_path for task in catalog.load_table(MESSAGES).scan().plan_files()]
    query = "SELECT partition_date, count(*) FROM read_parquet(?) GROUP BY ALL ORDER BY ALL"
    with duckdb.connect() as connection:
        rows = connection.execute(query, [files]).fetchall()

    assert rows == [(FIRST + timedelta(days=day), count) for day, count in enumerate((2, 5, 2))]


def test_the_files_are_what_was_built(catalog, tmp_path):
    target = target_of(catalog)
    with built(key_of(0), V1) as each:
        original = each.files[0].path.read_bytes()
        target.publish(each)
    target.commit()

    (path,) = files_on_disk(tmp_path)
    assert Path(path).read_bytes() == original
    assert pq.read_metadata(path).num_rows == 3
