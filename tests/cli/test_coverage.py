from __future__ import annotations

import tracemalloc
from dataclasses import replace

import pytest

from airflow_provider_convexport.cli.coverage import read_coverage
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.dataset.manifest import FileEntry, Span
from airflow_provider_convexport.export.window import Window
from tests.support.counted import counted_store, fill
from tests.support.manifests import manifest_of
from tests.support.runs import START, Piece, Run, at, day
from tests.support.samples import APRIL_1, DAY, HOUR
from tests.support.stores import local_store


@pytest.fixture
def store(tmp_path):
    return local_store(tmp_path)


def test_nothing_is_published_in_an_empty_folder(store):
    assert read_coverage(store) == []


def test_what_had_expired_when_it_was_exported_is_not_covered(store):
    Piece(store, day(1, 2), ("a", at(2)), kept_from=APRIL_1 + DAY + 6 * HOUR)

    (dataset,) = read_coverage(store)

    assert dataset.windows == [Window(APRIL_1 + DAY + 6 * HOUR, APRIL_1 + 2 * DAY)]
    assert dataset.expired == [Window(APRIL_1, APRIL_1 + DAY + 6 * HOUR)]


def test_bots_are_datasets_of_their_own_and_so_are_folders(store):
    for bot in ("one", "two"):
        Piece(store, day(1), scope={"bot": bot})
    Piece(replace(store, root=f"{store.root}/deeper"), day(1), scope={"bot": "one"})

    found = read_coverage(store)

    assert [dataset.key.folder for dataset in found] == ["bot=one", "bot=two", "deeper/bot=one"]


def test_what_is_being_staged_is_not_published(store):
    Run(store, ("a", START))
    store.put("_staging/x/_manifest.json", b"{}")

    assert read_coverage(store) == []


def test_something_else_under_a_manifests_name_is_an_error_that_names_it(store):
    store.put("dt=2026-04-01/_manifest.json", b"{}")

    with pytest.raises(ConfigurationError, match=r"dt=2026-04-01/_manifest.json is not a manifest"):
        read_coverage(store)


def test_a_report_reads_every_manifest_once_with_64_readers_and_lists_once():
    store = counted_store(latency=0.005)
    for number in range(9):
        fill(store, 731, folder=f"raw/set{number}")

    found = read_coverage(store)

    assert [len(dataset.partitions) for dataset in found] == [731] * 9
    assert store.fs.operations == {"list": 1, "read": 9 * 731}
    assert 16 < store.fs.most_at_once <= 64


def test_only_the_folders_of_the_shop_or_bot_that_was_asked_for_are_read():
    store = counted_store()
    for bot in ("one", "two", "a/b"):
        fill(store, 20, scope={"bot": bot, "shop": "x"})
        fill(store, 10, folder="deeper", scope={"shop": "x", "bot": bot})

    found = read_coverage(store, scope={"bot": "a/b", "shop": "x"})

    assert [len(dataset.partitions) for dataset in found] == [20, 10]
    assert store.fs.operations["read"] == 30


def test_another_bot_under_the_folder_of_the_one_that_was_asked_for_is_left_out():
    store = counted_store()
    fill(store, 1, folder="bot=one", scope={})

    assert read_coverage(store, scope={"bot": "one"}) == []


def test_only_partitions_around_the_span_that_was_asked_for_are_read():
    store = counted_store()
    fill(store, 400)
    fill(store, 20 * 24, folder="hours", step=HOUR)
    interval = manifest_of(partition=Span.of(day(1, 90)), scope={}, filters={})
    store.put("long/interval_start=20260401T000000Z/_manifest.json", interval.encode())

    by_day, by_hour, by_interval = read_coverage(store, span=day(41, 10))

    assert by_day.span == day(39, 15)  # two days more at each end, for partitions of other time zones
    assert len(by_hour.partitions) == 1  # of a dataset that has nothing there, one partition says what it is
    assert by_interval.windows == [day(1, 90)]
    assert store.fs.operations == {"list": 1, "read": 15 + 1 + 1}


def test_partitions_of_a_time_zone_far_from_utc_belong_to_the_span_that_they_overlap(store):
    local = Window(APRIL_1 + 10 * HOUR, APRIL_1 + DAY + 10 * HOUR)  # 2 April in Kiritimati is UTC+14
    Piece(store, local, ("a", at(1)), partition_timezone="Pacific/Kiritimati")

    (dataset,) = read_coverage(store, span=Window(APRIL_1 + 10 * HOUR, APRIL_1 + 11 * HOUR))

    assert dataset.windows == [local]


def test_memory_per_partition_does_not_grow_with_what_manifests_hold():
    store = counted_store()
    files = [FileEntry(f"part-{number:016}.jsonl.gz", 3, 100, 400, "ab" * 32) for number in range(20)]
    fill(store, 500, step=HOUR, files=files)
    tracemalloc.start()
    try:
        (dataset,) = read_coverage(store)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert dataset.bytes == 500 * 20 * 100
    assert held / 500 < 700
    assert peak / 500 < 4000  # 64 whole manifests may be in flight
