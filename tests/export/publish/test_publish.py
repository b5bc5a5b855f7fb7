from __future__ import annotations

import gzip
import json
from dataclasses import replace

import msgspec
import pytest
from msgspec import UNSET

from airflow_provider_convexport.errors import (
    ConfigurationError,
    DestinationUnavailableError,
    SupersededError,
)
from airflow_provider_convexport.export.dataset.manifest import (
    MANIFEST,
    check_replaceable,
    read_manifest,
    see_manifest,
)
from airflow_provider_convexport.export.dataset.partition import PartitionGrid
from airflow_provider_convexport.export.fetch.stream import Query
from airflow_provider_convexport.export.fetch.usage import Usage
from airflow_provider_convexport.export.publish.plan import Plan, partition_plans
from airflow_provider_convexport.export.publish.publish import Publisher
from airflow_provider_convexport.export.publish.staged_reader import StagedReader
from airflow_provider_convexport.export.publish.write import VersionWriter
from airflow_provider_convexport.export.stage.attempt import Attempt
from airflow_provider_convexport.export.stage.partitioner import Counts
from tests.support.runs import DAY_1, DAY_2, START, TASK, Run
from tests.support.samples import APRIL_1, DAY, days, query, stream


def lines_of(store, folder):
    manifest = read_manifest(store, folder)
    content = b"".join(gzip.decompress(store.get(f"{folder}/{file.name}")) for file in manifest.files)
    return [json.loads(line)["id"] for line in content.splitlines()]


def write_files(run):
    """Write the files of a run's first day, without the manifest."""
    partition = run.plan.partitions[0]
    assert writer_of(run, partition).write().files


def writer_of(run, partition):
    reader = StagedReader(run.attempt.store, run.plan.partitions)
    return VersionWriter(run.job, run.grid, run.attempt.store, run.plan, partition, lambda: START, reader)


def published(store):
    return [name for name in store.find("") if not name.startswith("_staging/")]


def test_every_partition_gets_its_files_and_its_manifest(store):
    manifests = Run(store, ("a", START), ("b", START + 86_400), ("c", START + 5)).publish()

    assert (lines_of(store, DAY_1), lines_of(store, DAY_2)) == (["a", "c"], ["b"])
    assert [manifest.records for manifest in manifests] == [2, 1]


def test_a_partition_without_records_gets_a_manifest_without_files(store):
    Run(store).publish()

    assert published(store) == [f"{DAY_1}/{MANIFEST}", f"{DAY_2}/{MANIFEST}"]
    assert json.loads(store.get(f"{DAY_1}/{MANIFEST}"))["files"] == []


def test_a_manifest_says_what_the_partition_holds(store):
    run = Run(store, ("a", START + 0.5), ("b", START + 86_399.999999), drops={1: [0]})
    run.publish()

    manifest = json.loads(store.get(f"{DAY_1}/{MANIFEST}"))
    (file,) = manifest.pop("files")
    assert file["name"] == f"part-{run.plan.commit}-00000.jsonl.gz"
    assert file["bytes"] == len(store.get(f"{DAY_1}/{file['name']}"))
    assert manifest == {
        "format_version": 1,
        "provider_version": manifest["provider_version"],
        "vendor": "acme",
        "stream": "conversations",
        "scope": {},
        "filters": {},
        "window_on": "created",
        "partition": {"start": "2026-04-01T00:00:00Z", "end": "2026-04-02T00:00:00Z"},
        "interval": {"start": "2026-04-01T00:00:00Z", "end": "2026-04-03T00:00:00Z"},
        "records": 1,
        "first_record_at": "2026-04-01T00:00:00.500000Z",
        "last_record_at": "2026-04-01T00:00:00.500000Z",
        "run": {
            "pages": 4,
            "requests": 5,
            "duplicates": 1,
            "outside_interval": 0,
            "undated": 0,
            "throttled_seconds": 0.123,
        },
        "dag_id": "dag",
        "task_id": "task",
        "run_id": "manual__1",
        "map_index": 3,
        "try_number": 2,
        "commit": run.plan.commit,
        "committed_at": "2026-04-01T00:01:40Z",
        "requested_at": "2026-04-01T00:00:00Z",
    }


def test_dropped_lines_are_not_published(store):
    ids = [("a", START), ("b", START + 1), ("a", START), ("c", START + 2)]
    run = Run(store, *ids)
    whole = partition_plans(
        [source.segment for source in run.plan.partitions[0].sources],
        {2: [0]},
        folders=[DAY_1, DAY_2],
        target_file_bytes=10**6,
    )
    run.plan = Plan(
        saved_at=START,
        requested_at=START,
        commit="0" * 16,
        partitions=whole,
        counts=Counts(duplicates=2),
        usage=Usage(),
    )

    manifest = run.publish()[0]

    assert lines_of(store, DAY_1) == ["a", "b", "c"]
    assert (manifest.records, len(manifest.files)) == (3, 1)


def test_a_large_partition_becomes_several_files(store):
    run = Run(store, *((str(number), START + number) for number in range(6)), target=1)

    run.publish()

    assert len(read_manifest(store, DAY_1).files) == 6
    assert lines_of(store, DAY_1) == list("012345")


def test_publishing_the_same_plan_again_changes_nothing(store):
    run = Run(store, ("a", START))
    run.publish()
    before = {name: store.get(name) for name in published(store)}

    run.publish()

    assert {name: store.get(name) for name in published(store)} == before


def test_a_newer_attempt_finishes_what_an_older_one_began_with_the_same_bytes(store):
    run = Run(store, ("a", START), ("b", START + 86_400))
    publisher = Publisher(run.job, run.grid, run.attempt, run.plan, lambda: START)
    publisher.publish(run.plan.partitions[0])
    files = published(store)
    newer = Attempt.begin(store, task=run.job.task_key, fingerprint=run.job.fingerprint)
    plan = newer.adopt_plan(Plan, not_before=START)
    assert plan == run.plan

    run.publish(newer)

    assert set(files) <= set(published(store))
    assert (lines_of(store, DAY_1), lines_of(store, DAY_2)) == (["a"], ["b"])
    with pytest.raises(SupersededError):
        publisher.publish(run.plan.partitions[1]) and run.attempt.check()


def test_a_superseded_attempt_does_not_switch_a_partition(store):
    run = Run(store, ("a", START))
    Attempt.begin(store, task=run.job.task_key, fingerprint=run.job.fingerprint)

    with pytest.raises(SupersededError):
        run.publish()

    assert store.get(f"{DAY_1}/{MANIFEST}") is None


def test_another_walk_replaces_the_partition_and_removes_its_files(store):
    old = Run(store, ("a", START), ("b", START + 1), target=1)
    old.publish()
    old.attempt.finish()
    new = Run(store, ("a", START))

    new.publish()
    new.attempt.finish()

    assert lines_of(store, DAY_1) == ["a"]
    assert published(store) == [
        f"{DAY_1}/{MANIFEST}",
        f"{DAY_1}/part-{new.plan.commit}-00000.jsonl.gz",
        f"{DAY_2}/{MANIFEST}",
    ]
    assert store.find("_staging") == []


def test_the_old_version_stays_whole_until_the_manifest_switches(store, monkeypatch):
    Run(store, ("old", START)).publish()
    new = Run(store, ("new", START), task=replace(TASK, run_id="manual__2"))
    seen = []
    write = type(store).replace

    def look_first(self, name, content, version):
        if name == f"{DAY_1}/{MANIFEST}":
            seen.append(lines_of(store, DAY_1))
        return write(self, name, content, version)

    monkeypatch.setattr(type(store), "replace", look_first)
    new.publish()

    assert seen == [["old"]]
    assert lines_of(store, DAY_1) == ["new"]


def test_the_sweep_spares_files_that_another_task_is_about_to_publish(store):
    other = Run(store, ("theirs", START), task=replace(TASK, run_id="other"))
    write_files(other)

    Run(store, ("ours", START)).publish()

    assert f"{DAY_1}/part-{other.plan.commit}-00000.jsonl.gz" in published(store)
    other.publish()
    assert lines_of(store, DAY_1) == ["theirs"]


def test_the_sweep_of_an_older_try_spares_what_a_newer_try_has_just_written(store):
    """The older one is slow between its manifest and its sweep; the newer one has other arguments."""
    old = Run(store, ("old", START), compression="zstd")
    publisher = Publisher(old.job, old.grid, old.attempt, old.plan, lambda: START)
    publisher.publish(old.plan.partitions[0])
    new = Run(store, ("new", START), requested_at=START + 1)
    seen = see_manifest(store, DAY_1)
    write_files(new)

    assert publisher._leftovers(DAY_1, seen, seen.manifest) == []
    new.publish()

    assert lines_of(store, DAY_1) == ["new"]


def test_a_plan_replayed_hours_later_does_not_replace_records_that_were_requested_later(store, caplog):
    stale = Run(store, ("old", START), task=replace(TASK, run_id="died"))
    stale.publish()
    newer = Run(store, ("old", START), ("late", START + 1), requested_at=START + 3600)
    newer.publish()
    replayed = Run(store, ("old", START), task=replace(TASK, run_id="died"), requested_at=START + 1)

    manifests = replayed.publish()

    assert lines_of(store, DAY_1) == ["old", "late"]
    assert [manifest.commit for manifest in manifests] == [newer.plan.commit] * 2
    assert "keeps the version of dag.task (manual__1), whose records were requested later" in caplog.text


def test_the_sweep_spares_what_is_not_ours(store):
    foreign = [
        f"{DAY_1}/{name}"
        for name in (
            "part-00000-1234.snappy.parquet",
            "part-mine.jsonl",
            "notes",
            "hour=01/part-0123456789abcdef-00000.jsonl.gz",
        )
    ]
    for name in foreign:
        store.put(name, b"theirs")

    Run(store, ("a", START)).publish()

    assert set(foreign) <= set(published(store))


@pytest.mark.parametrize(
    ("there", "difference"),
    [
        (Query(stream(vendor="other")), "vendor='other'"),
        (Query(stream(name="messages")), "stream='messages'"),
        (query(scope={"bot": "b"}), "scope={'bot': 'b'}"),
        (query(filters={"agent": "a"}), "filters={'agent': 'a'}"),
        (query(window_on="updated"), "window_on='updated'"),
    ],
)
def test_another_datasets_partition_is_not_replaced(store, there, difference):
    run = Run(store, ("a", START))
    run.publish()
    other = replace(run.job, query=there)

    with pytest.raises(ConfigurationError, match="give each kind of export a destination of its own"):
        check_replaceable(read_manifest(store, DAY_1), store.url_of(DAY_1), there, run.grid, 0)
    foreign = Publisher(other, run.grid, run.attempt, replace_commit(run.plan), lambda: START)
    with pytest.raises(ConfigurationError, match="holds a partition with"):
        foreign.publish(run.plan.partitions[0])
    assert lines_of(store, DAY_1) == ["a"]
    assert difference


def replace_commit(plan):
    return msgspec.structs.replace(plan, commit="f" * 16)


def test_the_same_dataset_or_none_may_be_replaced(store):
    run = Run(store)
    run.publish()

    check_replaceable(read_manifest(store, DAY_1), "url", query(page_size=7), run.grid, 0)
    check_replaceable(read_manifest(store, "dt=2020-01-01"), "url", query(), run.grid, 0)


@pytest.mark.parametrize("content", [b"", b"{}", b"not JSON", b"[]"])
def test_something_else_under_the_manifests_name_is_refused(store, content):
    store.put(f"{DAY_1}/{MANIFEST}", content)

    with pytest.raises(
        ConfigurationError, match=r"dt=2026-04-01/_manifest.json is not a manifest of this package"
    ):
        read_manifest(store, DAY_1)


def test_a_failed_publication_leaves_no_file_behind_on_this_machine(memory, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run = Run(memory, ("a", START))
    memory.delete([run.plan.partitions[0].sources[0].segment.object])

    with pytest.raises(FileNotFoundError):
        run.publish()

    assert list(tmp_path.iterdir()) == []


def test_days_are_counted_from_the_interval():
    assert PartitionGrid(days(2), "day", {}).window_of(1).start == APRIL_1 + DAY


def covering(*, kept_from=None, count=2, **changes):
    return PartitionGrid(days(count), "day", {}, kept_from=kept_from, **changes)


def test_a_day_of_another_zone_is_not_replaced(store):
    Run(store).publish()
    zone = "Asia/Kathmandu"
    local = PartitionGrid(days(1, start=APRIL_1 - DAY * 5.75 / 24), "day", {}, timezone=zone)
    assert local.folder_of(0) == DAY_1

    with pytest.raises(ConfigurationError, match="give each schedule and time zone a destination of its own"):
        check_replaceable(read_manifest(store, DAY_1), "url", query(), local, 0)


def test_a_longer_interval_of_the_same_start_is_not_replaced_by_a_shorter_one(store):
    run = Run(store, ("a", START))
    job = replace(run.job, partition_by="interval")
    folder = job.grid().folder_of(0)
    publisher = Publisher(job, job.grid(), run.attempt, run.plan, lambda: START)
    publisher.publish(msgspec.structs.replace(run.plan.partitions[0], folder=folder))
    shorter = replace(job, interval=days(1)).grid()
    assert shorter.folder_of(0) == folder

    with pytest.raises(ConfigurationError, match=r"holds a partition of 2026-04-01.*2026-04-03T00:00:00Z"):
        check_replaceable(read_manifest(store, folder), "url", query(), shorter, 0)
    longer = replace(job, interval=days(3)).grid()
    check_replaceable(read_manifest(store, folder), "url", query(), longer, 0)


def run_again(store, *records, **changes):
    return Run(store, *records, task=replace(TASK, run_id="manual__2"), **changes)


def test_without_being_asked_to_leave_it_a_partition_of_the_same_records_is_written_anew(store):
    Run(store, ("a", START)).publish()
    again = run_again(store, ("a", START))

    assert [manifest.commit for manifest in again.publish()] == [again.plan.commit] * 2
    assert "content_digest" not in json.loads(store.get(f"{DAY_1}/{MANIFEST}"))


def test_a_partition_of_the_same_records_in_another_order_stays_if_asked(store):
    Run(store, ("a", START), ("b", START + 1), ("c", START + 86_400)).publish()
    run_again(store, ("a", START), ("b", START + 1), ("c", START + 86_400), skip_unchanged=True).publish()
    before = {name: store.get(name) for name in published(store)}

    again = run_again(store, ("c", START + 86_400), ("b", START + 1), ("a", START), skip_unchanged=True)
    manifests = again.publish()

    assert {name: store.get(name) for name in published(store)} == before
    assert again.plan.commit not in [manifest.commit for manifest in manifests]


def test_a_partition_that_stays_gets_a_digest_so_that_its_files_are_read_only_once(local):
    first = Run(local, ("a", START))
    first.publish()
    files = {name: local.get(name) for name in published(local) if "part-" in name}

    kept, _ = run_again(local, ("a", START), skip_unchanged=True).publish()

    digest = json.loads(local.get(f"{DAY_1}/{MANIFEST}"))["content_digest"]
    assert (kept.commit, kept.content_digest) == (first.plan.commit, digest)
    assert {name: local.get(name) for name in files} == files
    for name in files:
        local.put(name, b"not read")
    assert run_again(local, ("a", START), skip_unchanged=True).publish()[0] == kept


def test_of_several_partitions_only_the_changed_one_is_written(store):
    Run(store, ("a", START), ("b", START + 86_400)).publish()
    again = run_again(store, ("a", START), ("B", START + 86_400), skip_unchanged=True)

    first, second = again.publish()

    assert first.commit != again.plan.commit == second.commit
    assert (lines_of(store, DAY_1), lines_of(store, DAY_2)) == (["a"], ["B"])
    third = Run(
        store, ("a", START), ("B", START + 86_400), task=replace(TASK, run_id="3"), skip_unchanged=True
    )
    assert [manifest.commit for manifest in third.publish()] == [first.commit, second.commit]


def test_a_partition_that_lost_a_file_is_written_anew(store):
    Run(store, ("a", START)).publish()
    store.delete([name for name in published(store) if "part-" in name])

    again = run_again(store, ("a", START), skip_unchanged=True)
    again.publish()

    assert lines_of(store, DAY_1) == ["a"]


def test_what_an_earlier_try_of_the_same_task_wrote_is_not_written_again(store):
    """Its asset event is sent all the same; see `Outcome`."""
    first = Run(store, ("a", START), skip_unchanged=True)
    first.publish()
    again = Run(store, ("a", START), skip_unchanged=True)

    assert [manifest.commit for manifest in again.publish()] == [first.plan.commit] * 2


def test_a_clipped_partition_says_so_and_never_replaces_a_fuller_one(store):
    noon = APRIL_1 + DAY / 2
    whole = Run(store, ("a", START), ("b", START + 50_000))
    clipped = run_again(store, ("b", START + 50_000))
    grid = covering(kept_from=noon)
    publisher = Publisher(clipped.job, grid, clipped.attempt, clipped.plan, lambda: START)

    publisher.publish(clipped.plan.partitions[0])
    manifest = json.loads(store.get(f"{DAY_1}/{MANIFEST}"))
    assert manifest["expired"] == {"start": "2026-04-01T00:00:00Z", "end": "2026-04-01T12:00:00Z"}
    whole.publish()
    assert "expired" not in json.loads(store.get(f"{DAY_1}/{MANIFEST}"))
    publisher.publish(clipped.plan.partitions[0])
    assert lines_of(store, DAY_1) == ["a", "b"]


def publisher_of(run):
    return Publisher(run.job, run.grid, run.attempt, run.plan, lambda: START + 200)


def test_a_writer_that_froze_before_its_manifest_does_not_replace_a_newer_version(store, monkeypatch):
    slow = Run(store, ("slow", START), task=replace(TASK, run_id="slow"))
    fast = Run(store, ("fast", START), task=replace(TASK, run_id="fast"), requested_at=START + 1)
    write = type(store).replace

    def freeze(self, *args):
        monkeypatch.undo()
        fast.publish()
        fast.attempt.finish()
        return write(self, *args)

    monkeypatch.setattr(type(store), "replace", freeze)
    publisher_of(slow).publish_all()
    slow.attempt.finish()

    assert lines_of(store, DAY_1) == ["fast"]
    assert [name for name in published(store) if "part-" in name] == [
        f"{DAY_1}/part-{fast.plan.commit}-00000.jsonl.gz"
    ]


def test_the_files_of_a_version_that_is_replaced_go_although_its_run_has_not_ended(store):
    slow = Run(store, ("old", START), task=replace(TASK, run_id="slow"))
    slow.publish()
    Run(store, ("new", START), requested_at=START + 1).publish()

    assert not any(slow.plan.commit in name for name in published(store))


def test_a_version_that_stays_is_written_again_before_leftovers_of_other_runs_are_deleted(local):
    """So that a writer that froze earlier does not publish files that are gone."""
    there = Run(local, ("a", START), task=replace(TASK, run_id="first"))
    there.publish()
    there.attempt.finish()
    seen = see_manifest(local, DAY_1)
    died = Run(local, ("a", START), task=replace(TASK, run_id="died"), requested_at=START + 1)
    write_files(died)
    again = Run(
        local, ("a", START), task=replace(TASK, run_id="died"), requested_at=START + 2, skip_unchanged=True
    )

    kept = publisher_of(again).publish(again.plan.partitions[0])

    assert not any(died.plan.commit in name for name in published(local))
    assert kept == read_manifest(local, DAY_1)
    assert kept.checked_at == "2026-04-01T00:03:20Z"
    assert msgspec.structs.replace(kept, checked_at=UNSET, content_digest=UNSET) == seen.manifest
    assert not local.replace(f"{DAY_1}/{MANIFEST}", b"", seen.version)


def test_files_of_an_older_try_for_a_day_that_the_newer_one_does_not_publish_are_deleted(store):
    other = replace(TASK, run_id="other")
    whole = Run(store, ("kept", START + 86_400), task=other)
    whole.publish()
    whole.attempt.finish()
    died = Run(store, ("a", START + 86_400))
    late = died.plan.partitions[1]
    assert writer_of(died, late).write().files

    class OneDay(Run):
        def job_of(self, task):
            return replace(super().job_of(task), interval=days(1))

    newer = OneDay(store, ("a", START))
    publisher_of(newer).publish_all()
    newer.attempt.finish()

    assert not any(died.plan.commit in name for name in published(store))
    assert lines_of(store, DAY_2) == ["kept"]
    assert store.find("_staging") == []


def test_a_superseded_attempt_deletes_files_that_it_wrote_after_the_newer_one_had_ended(store, monkeypatch):
    old = Run(store, ("old", START))

    def be_overtaken(self):
        manifest = real(self)
        monkeypatch.undo()
        newer = Run(store, ("new", START), requested_at=START + 1, target_file_bytes=10**6)
        publisher_of(newer).publish_all()
        newer.attempt.finish()
        for file in manifest.files:
            store.put(f"{DAY_1}/{file.name}", b"written late")
        return manifest

    real = VersionWriter.write
    monkeypatch.setattr(VersionWriter, "write", be_overtaken)
    with pytest.raises(SupersededError):
        old.publish()

    assert lines_of(store, DAY_1) == ["new"]
    assert not any(old.plan.commit in name for name in published(store))
    assert store.find("_staging") == []


def test_a_manifest_that_others_replace_all_the_time_is_told(store, monkeypatch):
    monkeypatch.setattr(type(store), "replace", lambda self, name, content, seen: False)

    with pytest.raises(DestinationUnavailableError, match=r"others replaced its manifest 100 times"):
        Run(store, ("a", START)).publish()
