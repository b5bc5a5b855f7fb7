from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from airflow_provider_convexport.errors import ConfigurationError, DestinationUnavailableError
from airflow_provider_convexport.export.dataset.manifest import MANIFEST, TableFacts, read_manifest
from airflow_provider_convexport.export.dataset.store import Store
from airflow_provider_convexport.tables import parquet_target
from airflow_provider_convexport.tables.build import FileSettings, built
from airflow_provider_convexport.tables.parquet_target import ParquetTarget
from airflow_provider_convexport.tables.raw import table_partitions_of
from airflow_provider_convexport.tables.run import make_tables
from tests.support.counted_store import counted_store
from tests.support.published import assert_tidy, manifests
from tests.support.samples import APRIL_1, DAY, days
from tests.support.tables import NOW, TASK, ada_message, another, disk, put_raw, raw_in, rows_of, tables

FOLDER = "dt=2026-04-01"
SET = "messages/ada-created"
AT = f"{SET}/{FOLDER}"


@pytest.fixture
def raw(tmp_path) -> Store:
    return disk(tmp_path / "raw")


@pytest.fixture
def lake(tmp_path) -> Store:
    return disk(tmp_path / "lake")


def texts(store: Store) -> list[str]:
    """Return the texts of all rows, after a comparison of the files with the manifests."""
    return sorted(row["text"] for row in rows_of(Path(store.root)))


def messages(*texts: str) -> list[bytes]:
    return [ada_message(number, text) for number, text in enumerate(texts)]


def manifest_of(lake: Store):
    found = read_manifest(lake, AT)
    assert found is not None
    return found


class Meanwhile:
    """A target that lets others do something at one moment of its own publication."""

    def __init__(self, monkeypatch, method: str, action) -> None:
        self._action = action
        original = getattr(Store, method)

        def watched(store, name, *args, **kwargs):
            is_it = (str(name).startswith("dt=") and not str(name).endswith(".json")) or method == "replace"
            if is_it and self._action is not None and SET in store.root:
                action, self._action = self._action, None
                action()
            return original(store, name, *args, **kwargs)

        monkeypatch.setattr(Store, method, watched)


def test_a_partition_holds_the_rows_of_its_raw_version_and_says_which(raw, lake):
    version = put_raw(raw, messages("one", "two"))

    outcome = tables(raw, lake, days(1))

    manifest = manifest_of(lake)
    assert texts(lake) == ["one", "two"]
    assert (manifest.records, manifest.source.commit) == (2, version.commit)
    assert manifest.source.url == f"{raw.url}/{FOLDER}/{MANIFEST}"
    assert manifest.table == TableFacts("messages", 1, include_raw=True)
    assert [each.url for each in outcome.written] == [f"{lake.url}/{AT}/{MANIFEST}"]
    assert_tidy(Path(lake.root) / SET)


def test_a_raw_partition_without_records_gets_a_manifest_without_files(raw, lake):
    put_raw(raw, [])

    outcome = tables(raw, lake, days(1))

    assert (manifest_of(lake).records, manifest_of(lake).files, outcome.written[0].rows) == (0, [], 0)


def test_an_unchanged_partition_costs_one_read_of_its_manifest(raw):
    lake, operations = counted_store()
    for day in range(5):
        put_raw(raw, messages("one"), day=APRIL_1 + day * DAY)
    tables(raw, lake, days(5))
    operations.forget()

    outcome = tables(raw, lake, days(5), task=another())

    assert dict(operations.operations) == {"get": 5}
    assert (outcome.written, outcome.unchanged) == ([], {"messages": 5})


def test_an_unchanged_partition_costs_one_listing_and_one_manifest_of_the_raw_dataset(lake):
    raw, operations = counted_store()
    for day in range(5):
        put_raw(raw, messages("one"), day=APRIL_1 + day * DAY)
    tables(raw, lake, days(5))
    operations.forget()

    tables(raw, lake, days(5), task=another())

    assert dict(operations.operations) == {"get": 5, "list": 1}


def test_what_a_changed_partition_costs(raw):
    lake, operations = counted_store()
    put_raw(raw, messages("old"))
    tables(raw, lake, days(1))
    put_raw(raw, messages("new"), requested_at=60)
    operations.forget()

    tables(raw, lake, days(1), task=another())

    # Reads: the manifest, the dataset. Writes: the file, the manifest. Deletes: the old file, and one more
    # list for temporary files before and after.
    assert dict(operations.operations) == {"get": 2, "put": 2, "list": 3, "delete": 1}


def test_a_new_raw_version_replaces_the_rows_and_the_files(raw, lake):
    put_raw(raw, messages("old", "gone"))
    tables(raw, lake, days(1))
    put_raw(raw, messages("new"), requested_at=60)

    tables(raw, lake, days(1), task=another())

    assert texts(lake) == ["new"]
    assert_tidy(Path(lake.root) / SET)


def test_a_raw_version_that_was_requested_earlier_replaces_nothing(raw, lake, tmp_path, caplog):
    put_raw(raw, messages("new"), requested_at=60)
    tables(raw, lake, days(1))
    older = disk(tmp_path / "restored")
    put_raw(older, messages("old"))

    outcome = tables(older, lake, days(1), task=another())

    assert (texts(lake), outcome.written) == (["new"], [])


def test_a_setting_that_changes_rows_rewrites_them_and_one_that_does_not_is_no_reason(raw, lake):
    put_raw(raw, messages("one"))
    tables(raw, lake, days(1))

    assert not tables(raw, lake, days(1), task=another(), target_file_bytes=1).written
    assert tables(raw, lake, days(1), task=another(), include_raw=False).written

    assert "raw" not in rows_of(Path(lake.root))[0]
    assert not manifest_of(lake).table.include_raw


def test_a_schema_of_a_newer_package_is_kept(raw, lake, monkeypatch):
    put_raw(raw, messages("one"))
    with monkeypatch.context() as patch:
        patch.setattr("airflow_provider_convexport.tables.build.SCHEMA_VERSION", 99)
        tables(raw, lake, days(1))

    assert not tables(raw, lake, days(1), task=another()).written
    assert manifest_of(lake).table.schema_version == 99


def test_two_runs_at_once_write_the_same_bytes_under_the_same_names(raw, lake, monkeypatch):
    put_raw(raw, messages("one"))
    names = []

    def other_run():
        names.append({file.name for file in publish_as(another())})

    def publish_as(task):
        tables(raw, lake, days(1), task=task, now=NOW + 1)
        return manifest_of(lake).files

    Meanwhile(monkeypatch, "replace", other_run)
    outcome = tables(raw, lake, days(1))

    assert {file.name for file in manifest_of(lake).files} == names[0]
    assert (outcome.written, manifest_of(lake).run_id) == ([], "manual__2")
    assert texts(lake) == ["one"]
    assert_tidy(Path(lake.root) / SET)


@pytest.mark.parametrize("moment", ["put_file", "replace"])
def test_a_run_that_a_newer_version_overtakes_keeps_that(raw, lake, tmp_path, monkeypatch, moment):
    put_raw(raw, messages("old"))
    newer = disk(tmp_path / "newer")
    put_raw(newer, messages("new"), requested_at=60)
    Meanwhile(monkeypatch, moment, lambda: tables(newer, lake, days(1), task=another()))

    outcome = tables(raw, lake, days(1))

    assert (texts(lake), outcome.written) == (["new"], [])


@pytest.mark.parametrize("moment", ["put_file", "replace"])
def test_a_run_that_an_older_version_overtakes_replaces_it(raw, lake, tmp_path, monkeypatch, moment):
    put_raw(raw, messages("new"), requested_at=60)
    older = disk(tmp_path / "older")
    put_raw(older, messages("old"))
    Meanwhile(monkeypatch, moment, lambda: tables(older, lake, days(1), task=another()))

    outcome = tables(raw, lake, days(1))

    assert (texts(lake), len(outcome.written)) == (["new"], 1)
    assert_tidy(Path(lake.root) / SET)


def test_a_process_that_sleeps_before_it_deletes_deletes_nothing_that_came_back_since(raw, lake, monkeypatch):
    # The version with raw is replaced by one without and then comes back, while the run that
    # replaced it has not yet deleted its files.
    put_raw(raw, messages("one"))
    tables(raw, lake, days(1))
    delete = Store.delete
    was_asleep = []

    def slow(store, names):
        names = list(names)
        if not was_asleep and any(".parquet" in name for name in names):
            was_asleep.append(True)
            tables(raw, lake, days(1), task=another(run_id="manual__3"))
        delete(store, names)

    monkeypatch.setattr(Store, "delete", slow)
    tables(raw, lake, days(1), task=another(), include_raw=False)

    assert was_asleep
    assert manifest_of(lake).table.include_raw
    assert texts(lake) == ["one"]


def test_a_write_whose_answer_was_lost_counts_and_the_old_files_are_deleted(raw, lake, monkeypatch):
    put_raw(raw, messages("old"))
    tables(raw, lake, days(1))
    put_raw(raw, messages("new"), requested_at=60)
    replace_object = Store.replace
    monkeypatch.setattr(Store, "replace", lambda *args: replace_object(*args) is None)

    outcome = tables(raw, lake, days(1), task=another())

    assert (texts(lake), len(outcome.written)) == (["new"], 1)
    assert_tidy(Path(lake.root) / SET)


def test_files_of_dead_runs_are_deleted_with_the_next_version(raw, lake):
    put_raw(raw, messages("one"))
    tables(raw, lake, days(1))
    lake.put(f"{AT}/part-{'0' * 16}-00000.parquet", b"of a dead run")
    lake.put(f"{AT}/notes.txt", b"of somebody else")
    put_raw(raw, messages("two"), requested_at=60)

    tables(raw, lake, days(1), task=another())

    names = sorted(path.name for path in (Path(lake.root) / AT).iterdir())
    assert names == ["_manifest.json", "notes.txt", manifest_of(lake).files[0].name]


def test_a_later_try_deletes_what_an_earlier_one_left_and_sends_its_events(raw, lake):
    put_raw(raw, messages("one"))
    tables(raw, lake, days(1))
    lake.put(f"{AT}/part-{'0' * 16}-00000.parquet", b"the version that the killed try replaced")

    outcome = tables(raw, lake, days(1), task=replace(TASK, try_number=2))

    assert [each.rows for each in outcome.written] == [1]
    assert not isinstance(manifest_of(lake).checked_at, msgspec.UnsetType)
    assert_tidy(Path(lake.root) / SET)
    assert texts(lake) == ["one"]


def test_a_writer_whose_files_a_later_try_of_another_deletes_writes_them_again(raw, lake, monkeypatch):
    put_raw(raw, messages("old"))
    tables(raw, lake, days(1))
    versions = raw_in(raw, days(1))
    put_raw(raw, messages("new"), requested_at=60)

    def tidy():
        key = table_partitions_of(versions[0])
        target = ParquetTarget(lake, replace(TASK, try_number=2), lambda: NOW)
        target.seen(key)
        target.commit()

    Meanwhile(monkeypatch, "replace", tidy)
    tables(raw, lake, days(1), task=another())

    assert texts(lake) == ["new"]


def test_temporary_files_of_a_killed_try_are_deleted_by_the_next(raw, lake):
    put_raw(raw, messages("one"))
    killed = ParquetTarget(lake, TASK, lambda: NOW)
    (partition,) = raw_in(raw, days(1))
    (key,) = table_partitions_of(partition)
    scratch = killed._below(key).scratch
    lake.put(f"{SET}/{scratch}/writing-0", b"half a file")

    tables(raw, lake, days(1), task=replace(TASK, try_number=2))

    assert_tidy(Path(lake.root) / SET)


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"account": "other.example"}, "account='ada.example'"),
        ({"filters": {"conversation_id": "c"}}, "filters={}"),
        ({"scope": {}, "window_on": "created", "account": ""}, "account='ada.example'"),
    ],
)
def test_a_partition_of_another_kind_of_export_is_not_replaced(raw, lake, tmp_path, changes, difference):
    put_raw(raw, messages("one"))
    tables(raw, lake, days(1))
    other = disk(tmp_path / "other")
    put_raw(other, messages("two"), requested_at=60, **changes)

    with pytest.raises(ConfigurationError, match=difference):
        tables(other, lake, days(1))

    assert texts(lake) == ["one"]


def test_another_partition_of_such_an_export_is_not_written_either(raw, lake, tmp_path):
    put_raw(raw, messages("one"))
    tables(raw, lake, days(1))
    other = disk(tmp_path / "other")
    put_raw(other, messages("two"), day=APRIL_1 + DAY, account="other.example")

    with pytest.raises(ConfigurationError, match=r"holds a dataset with account='ada\.example'"):
        tables(other, lake, days(2))

    assert list(manifests(Path(lake.root))) == [AT]


def test_a_partition_that_others_replace_again_and_again_is_given_up(raw, lake, monkeypatch):
    put_raw(raw, messages("one"))
    replace_object = Store.replace

    def refuse(store, name, *rest):
        return not name.endswith(MANIFEST) and replace_object(store, name, *rest)

    monkeypatch.setattr(Store, "replace", refuse)
    monkeypatch.setattr(parquet_target, "MAX_ROUNDS", 3)

    with pytest.raises(DestinationUnavailableError, match="others replaced its manifest 3 times"):
        tables(raw, lake, days(1))


def test_a_store_without_conditional_writes_is_written_with_a_warning(raw, caplog):
    lake, _ = counted_store()
    lake = replace(lake, conditions=None)
    put_raw(raw, messages("one"))

    with caplog.at_level(logging.WARNING):
        tables(raw, lake, days(1))

    assert "has no conditional writes" in caplog.text
    assert manifest_of(lake).records == 1


def test_two_raw_datasets_that_would_become_one_partition_are_refused(raw, lake, tmp_path):
    other = disk(tmp_path / "other")
    for store in (raw, other):
        put_raw(store, messages("one"))

    with pytest.raises(ConfigurationError, match="would become the same partition of the table messages"):
        parquet_target_of_both(raw, other, lake)


def parquet_target_of_both(raw, other, lake):
    target = ParquetTarget(lake, TASK, lambda: NOW)
    make_tables([*raw_in(raw, days(1)), *raw_in(other, days(1))], target, FileSettings())


def test_the_zone_of_days_comes_from_the_raw_dataset(raw, lake):
    put_raw(raw, messages("one"))
    dataset = {
        "format_version": 1,
        "vendor": "ada",
        "account": "ada.example",
        "stream": "messages",
        "scope": [],
        "filters": {},
        "window_on": "created",
        "partition_by": "day",
        "partition_timezone": "Asia/Tokyo",
    }
    raw.put("_dataset.json", json.dumps(dataset).encode())

    tables(raw, lake, days(1))

    written = json.loads((Path(lake.root) / SET / "_dataset.json").read_text())
    assert written == dataset | {"partition_timezone": "Asia/Tokyo", "table": "messages"}


def test_files_are_whole_until_publish_returns_and_gone_after_the_block(raw):
    put_raw(raw, messages("one"))
    (partition,) = raw_in(raw, days(1))

    with built(partition, table_partitions_of(partition), FileSettings()) as (table,):
        (file,) = table.files
        assert len(file.path.read_bytes()) == file.bytes

    assert not file.path.exists()
