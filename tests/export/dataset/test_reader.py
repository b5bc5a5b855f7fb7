from __future__ import annotations

import sys
import tracemalloc
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from random import Random

import pendulum
import pytest

from airflow_provider_convexport.errors import ConfigurationError, PartitionReplacedError
from airflow_provider_convexport.export.dataset import reader
from airflow_provider_convexport.export.dataset.manifest import MANIFEST, FileEntry, read_manifest
from airflow_provider_convexport.export.dataset.reader import (
    PublishedPartition,
    partitions_in,
    read_partitions,
)
from airflow_provider_convexport.export.dataset.store import Store
from airflow_provider_convexport.export.job import Job, TaskTry
from airflow_provider_convexport.export.window import Window
from tests.support.counted import counted_store, fill
from tests.support.counted_store import Conditions, CountedObjects
from tests.support.manifests import manifest_of
from tests.support.runs import DAY_1, START, Piece, Run, at, day
from tests.support.samples import APRIL_1, DAY, HOUR, query, record
from tests.support.stores import local_store

COMPRESSIONS = ["gzip", "zstd", "none"]
OLD = [(f"old {number}", START + number) for number in range(4)]
NEW = [(f"new {number}", START + number) for number in range(5)]


class Intruder(CountedObjects):
    """Objects in memory of which an operation may be preceded by something else."""

    act = None
    """What happens before the operation whose number is 0."""
    left = -1
    """Number of operations until then."""

    @contextmanager
    def counted(self, kind):
        self.left -= 1
        if self.left == -1 and self.act is not None:
            act, self.act = self.act, None
            act()
        with super().counted(kind):
            yield

    def intrude(self, act, *, after):
        """Do something right before one of the following operations; the first has the number 0."""
        self.act, self.left = act, after


@pytest.fixture
def intruded():
    fs = Intruder()
    return Store(fs, "bucket/set", "counted://conn@bucket/set", conditions=Conditions(fs)), fs


class Version(Run):
    """A published version of the first day of April, by default with each record in a file of its own."""

    def __init__(self, store, *records, hours=0, target=1, **changes):
        task = TaskTry("d", "t", f"after {hours} hours")
        super().__init__(
            store, *records, task=task, target=target, requested_at=START + hours * 3600, **changes
        )
        self.publish()

    def job_of(self, task, *, scope=None, **changes):
        return Job(query(scope=scope or {}), day(1), task=task, **changes)


def publish(store, records, *, hours=0):
    Version(store, *records, hours=hours)


def identities(lines):
    return [line.split(b'"')[3].decode() for line in lines]


def the_only(store, **options):
    (partition,) = partitions_in(store, **options)
    return partition


def folders(partitions):
    return [each.folder for each in partitions]


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_records_come_back_as_the_vendor_sent_them(store, compression):
    Version(store, ("é", at(1)), ("b", at(1, 1)), ("c", at(1, 2)), compression=compression)

    partition = the_only(store)
    lines = list(partition.lines())

    assert len(partition.manifest.files) == 3
    assert sorted(lines) == sorted(
        record(identity, moment) for identity, moment in (("é", at(1)), ("b", at(1, 1)), ("c", at(1, 2)))
    )


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("piece", [1, 7, 64 * 1024])
def test_a_record_may_lie_across_any_pieces_of_a_file(memory, monkeypatch, compression, piece):
    monkeypatch.setattr(reader, "_PIECE", piece)
    monkeypatch.setattr(reader, "_DOWNLOAD", piece)
    records = ((str(number), at(1)) for number in range(30))
    Version(memory, *records, compression=compression, target=10**6)

    partition = the_only(memory)

    assert len(partition.manifest.files) == 1
    assert sorted(map(int, identities(partition.lines()))) == list(range(30))


def test_a_partition_without_records_has_neither_files_nor_lines(store):
    Piece(store, day(1))

    partition = the_only(store)

    assert (partition.urls, list(partition.lines())) == ([], [])


def test_urls_have_no_connection_and_are_in_the_order_of_the_manifest(intruded):
    store, _ = intruded
    Version(store, *OLD, scope={"bot": "a@b/c"})

    partition = the_only(store)

    assert partition.url == "counted://bucket/set/bot=a%40b%2Fc/dt=2026-04-01"
    assert partition.urls == [f"{partition.url}/{file.name}" for file in partition.manifest.files]
    assert len(partition.urls) == 4


def test_a_folder_whose_name_has_an_at_sign_keeps_it(tmp_path):
    Piece(local_store(tmp_path / "a@b"), day(1))

    assert the_only(local_store(tmp_path / "a@b")).url == f"file://{tmp_path}/a@b/dt=2026-04-01"


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        (None, None, [1, 2, 3, 4]),
        ("2026-04-02", "2026-04-04", [2, 3]),
        ("2026-04-02T00:00:00Z", "2026-04-02T00:00:00.000001Z", [2]),
        ("2026-04-01T23:59:59.999999Z", "2026-04-02", [1]),
        ("2026-04-02T02:00:00+02:00", "2026-04-03", [2]),
        ("2026-04-03", None, [3, 4]),
        (None, "2026-04-03", [1, 2]),
        (None, "2026-04-01", []),
        ("2026-04-05", None, []),
        (APRIL_1 + DAY, pendulum.datetime(2026, 4, 3), [2]),
        ("0001-01-01", "9999-12-31T23:59:59Z", [1, 2, 3, 4]),
    ],
)
def test_a_range_is_half_open_and_takes_what_overlaps_it(store, start, end, found):
    Piece(store, day(1, 4))

    assert folders(partitions_in(store, start, end)) == [f"dt=2026-04-{number:02d}" for number in found]


def test_hours_and_intervals_are_found_by_their_span(store):
    hours = replace(store, root=f"{store.root}/hours", url=f"{store.url}/hours")
    Piece(hours, Window(APRIL_1, APRIL_1 + 4 * HOUR), partition_by="hour")
    interval = replace(store, root=f"{store.root}/interval", url=f"{store.url}/interval")
    Piece(interval, day(1, 90), ("a", at(40)), partition_by="interval")

    found = list(partitions_in(store, "2026-04-01T01:00:00Z", "2026-04-01T03:00:00Z"))

    assert folders(found) == [
        "interval/interval_start=20260401T000000Z",
        "hours/dt=2026-04-01/hour=01",
        "hours/dt=2026-04-01/hour=02",
    ]
    assert identities(found[0].lines()) == ["a"]
    assert folders(partitions_in(store, "2026-06-29")) == ["interval/interval_start=20260401T000000Z"]


def test_a_day_of_a_far_time_zone_is_found_by_its_span_in_utc(store):
    local = Window(APRIL_1 + 10 * HOUR, APRIL_1 + DAY + 10 * HOUR)  # 2 April in Kiritimati is UTC+14
    Piece(store, local, partition_timezone="Pacific/Kiritimati")

    assert folders(partitions_in(store, "2026-04-01T10:00:00Z", "2026-04-01T11:00:00Z")) == ["dt=2026-04-02"]
    assert folders(partitions_in(store, "2026-04-02T10:00:00Z", "2026-04-03")) == []


def test_partitions_of_several_datasets_come_by_their_start(store):
    for name in ("b", "a"):
        deeper = replace(store, root=f"{store.root}/{name}", url=f"{store.url}/{name}")
        Piece(deeper, day(1, 2), scope={"bot": "x"})

    assert folders(partitions_in(store)) == [
        f"{name}/bot=x/dt=2026-04-{number:02d}" for number in (1, 2) for name in ("a", "b")
    ]


def test_only_the_shop_or_bot_that_was_asked_for_is_read():
    store = counted_store()
    for bot in ("one", "two", "a/b"):
        fill(store, 20, scope={"bot": bot})
    fill(store, 5, folder="none")

    assert folders(partitions_in(store, scope={"bot": "a/b"})) == [
        f"bot=a%2Fb/dt=2026-04-{number:02d}" for number in range(1, 21)
    ]
    assert store.fs.operations == {"list": 1, "read": 20}
    assert len(list(partitions_in(store, scope={}))) == 5


def test_a_range_costs_one_listing_and_the_manifests_around_it_read_side_by_side():
    store = counted_store(latency=0.005)
    fill(store, 400)
    fill(store, 20 * 24, folder="hours", step=HOUR)

    assert len(list(partitions_in(store, day(41, 100).start, day(41, 100).end))) == 100
    assert store.fs.operations == {"list": 1, "read": 105}  # some more at both ends, for other time zones
    assert 16 < store.fs.most_at_once <= 64


def test_progress_is_told():
    store = counted_store()
    fill(store, 7)
    told = []

    list(partitions_in(store, begin=told.append, advance=lambda: told.append("one")))

    assert told == [7, *["one"] * 7]


def test_what_is_being_staged_is_not_published(store):
    store.put("_staging/x/_manifest.json", b"{}")

    assert list(partitions_in(store)) == []


def test_an_object_that_is_no_manifest_is_told_at_once(store):
    store.put(f"{DAY_1}/{MANIFEST}", b"{}")

    with pytest.raises(ConfigurationError, match="is not a manifest of this package"):
        partitions_in(store)


@pytest.mark.parametrize(
    ("start", "end", "advice"),
    [
        ("2026-04-02", "2026-04-02", "its start 2026-04-02 is not before its end 2026-04-02"),
        ("yesterday", None, "start: 'yesterday' is not a moment; write a day"),
        (None, 5, "end: 5 is not a moment"),
    ],
)
def test_a_range_that_is_none_is_refused_at_once(memory, start, end, advice):
    with pytest.raises(ConfigurationError, match=advice):
        partitions_in(memory, start, end)


def test_the_public_function_takes_a_destination_or_a_store(tmp_path):
    store = local_store(tmp_path)
    Piece(store, day(1, 2), ("a", at(1)), scope={"bot": "x"})

    for root in (str(tmp_path), f"file://{tmp_path}", store):
        (partition,) = read_partitions(root, "2026-04-01", "2026-04-02", {"bot": "x"})
        assert identities(partition.lines()) == ["a"]


def test_the_public_function_refuses_a_connection_that_does_not_exist():
    with pytest.raises(ConfigurationError, match="'nowhere' that destination="):
        read_partitions("s3://bucket/raw", conn_id="nowhere")


def operations_of(fs, partition):
    fs.forget()
    list(partition.lines())
    return fs.total


@pytest.mark.parametrize("follow", [True, False])
def test_a_version_that_is_replaced_at_any_operation_is_read_whole_or_not_at_all(
    intruded, monkeypatch, follow
):
    monkeypatch.setattr(reader, "_DOWNLOAD", 30)  # several operations for each file
    store, fs = intruded
    publish(store, OLD)
    outcomes = []
    for number in range(operations_of(fs, the_only(store)) + 1):
        fs.rm(list(fs.objects))
        publish(store, OLD)
        partition = the_only(store)
        fs.intrude(lambda: publish(store, NEW, hours=1), after=number)
        try:
            read = sorted(identities(partition.lines(follow=follow)))
        except PartitionReplacedError:
            outcomes.append("replaced")
            read = sorted(identities(partition.again().lines()))
            assert read == sorted(dict(NEW))
        else:
            outcomes.append(read[0].split()[0])
            assert read == sorted(dict(OLD if outcomes[-1] == "old" else NEW))

    assert [kind for kind, _ in groupby(outcomes)] == [*["new"] * follow, "replaced", "old"]


@pytest.mark.parametrize("taken", range(5))
def test_a_version_that_is_replaced_between_two_records_is_an_error(store, taken):
    publish(store, OLD)
    lines = the_only(store).lines()
    read = [next(lines) for _ in range(taken)]
    publish(store, NEW, hours=1)

    if taken == 0:
        assert sorted(identities(lines)) == [identity for identity, _ in NEW]
    elif taken == len(OLD):
        assert list(lines) == []
    else:
        with pytest.raises(PartitionReplacedError, match=r"dt=2026-04-01 was published while the one before"):
            list(lines)
    assert len(read) == taken


def test_a_version_that_is_replaced_twice_before_its_first_record_is_followed(intruded):
    store, fs = intruded
    publish(store, OLD)
    partition = the_only(store)
    publish(store, NEW, hours=1)
    fs.intrude(lambda: publish(store, OLD[:2], hours=2), after=2)  # a file, the manifest, then a file

    assert sorted(identities(partition.lines())) == ["old 0", "old 1"]


def test_a_partition_replaced_by_an_empty_one_has_no_lines(store):
    publish(store, OLD)
    partition = the_only(store)
    publish(store, [], hours=1)

    assert list(partition.lines()) == []


def test_a_file_that_somebody_deleted_is_told_in_one_sentence(store):
    publish(store, OLD)
    partition = the_only(store)
    store.delete([f"{DAY_1}/{partition.manifest.files[2].name}"])

    lines = partition.lines()
    assert len([next(lines), next(lines)]) == 2
    with pytest.raises(ConfigurationError, match=r"dt=2026-04-01 names is missing: somebody has deleted it"):
        next(lines)


def test_a_partition_that_somebody_deleted_is_told_in_one_sentence(store):
    publish(store, OLD)
    partition = the_only(store)
    store.delete(store.find(DAY_1))

    with pytest.raises(ConfigurationError, match="is no longer there: somebody has deleted it"):
        list(partition.lines())


@pytest.mark.parametrize("change", [lambda content: content[:-1], lambda content: content[:-1] + b"x"])
def test_a_file_that_was_changed_is_told_before_any_of_its_records(store, change):
    publish(store, OLD)
    partition = the_only(store)
    name = f"{DAY_1}/{partition.manifest.files[0].name}"
    store.put(name, change(store.get(name)))

    with pytest.raises(ConfigurationError, match="is not what its manifest describes"):
        next(partition.lines())


def test_a_table_has_no_records_to_read(store):
    files = [FileEntry("part-0123456789abcdef-00000.parquet", 1, 1, 1, "ab" * 32)]
    store.put(f"{DAY_1}/{MANIFEST}", manifest_of(files=files).encode())

    with pytest.raises(ConfigurationError, match="holds a table's rows in Parquet files"):
        list(the_only(store).lines())


def test_zstd_without_its_library_is_one_sentence_that_names_the_extra(store, monkeypatch):
    Piece(store, day(1), ("a", at(1)), compression="zstd")
    monkeypatch.setitem(sys.modules, "zstandard", None)

    with pytest.raises(ConfigurationError, match=r"install airflow-provider-convexport\[zstd\]"):
        list(the_only(store).lines())


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_memory_does_not_grow_with_the_records(memory, monkeypatch, compression):
    monkeypatch.setattr(reader, "_DOWNLOAD", 2**16)
    random = Random(1)
    records = ((random.randbytes(1_000).hex(), at(1)) for number in range(2_000))
    Version(memory, *records, compression=compression, target=10**9)
    partition = the_only(memory)
    assert partition.manifest.files[0].uncompressed_bytes > 4_000_000
    tracemalloc.start()
    try:
        count = sum(1 for _ in partition.lines())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert count == 2_000
    assert peak < 1_000_000


def test_the_present_version_is_read_again(store):
    publish(store, OLD)
    partition = the_only(store)
    publish(store, NEW, hours=1)

    assert partition.again() == PublishedPartition(store, DAY_1, read_manifest(store, DAY_1))
    assert partition.again() != partition
