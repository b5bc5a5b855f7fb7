from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.dataset.manifest import MANIFEST, Seen, see_manifest
from airflow_provider_convexport.export.dataset.partition import PartitionGrid
from airflow_provider_convexport.export.dataset.survey import survey
from tests.support.counted_store import counted_store
from tests.support.runs import DAY_1, DAY_2, START, Run
from tests.support.samples import APRIL_1, days

LEFT = "part-0123456789abcdef-00000.jsonl.gz"


def held(store, *folders):
    return dict(survey(store, folders, threads=4))


def folders_of(interval, by):
    grid = PartitionGrid(interval, by, {"bot": "a"})
    return [grid.folder_of(index) for index in range(grid.count)]


def test_a_partition_that_was_never_published_holds_nothing(store):
    assert held(store, DAY_1) == {DAY_1: (Seen(None, None), True)}


def test_a_published_partition_holds_its_manifest_and_the_files_that_it_names(store):
    Run(store, ("a", START), ("b", START + 1)).publish()

    assert held(store, DAY_1, DAY_2) == {
        folder: (see_manifest(store, folder), True) for folder in (DAY_1, DAY_2)
    }


@pytest.mark.parametrize("is_published", [False, True])
def test_a_file_that_no_manifest_names_is_noticed(store, is_published):
    if is_published:
        Run(store, ("a", START)).publish()
    store.put(f"{DAY_1}/{LEFT}", b"")

    assert not held(store, DAY_1)[DAY_1].is_clean


@pytest.mark.parametrize("name", ["notes.txt", f"sub/{LEFT}", "part-1.jsonl"])
def test_objects_that_are_not_of_this_package_do_not_matter(store, name):
    store.put(f"{DAY_1}/{name}", b"")

    assert held(store, DAY_1)[DAY_1].is_clean


def test_an_object_that_is_no_manifest_is_told(store):
    store.put(f"{DAY_1}/{MANIFEST}", b"{}")

    with pytest.raises(ConfigurationError, match="is not a manifest of this package"):
        held(store, DAY_1)


@pytest.mark.parametrize(
    ("interval", "by", "listings"),
    [
        (days(1), "day", 1),
        (days(30), "day", 1),
        (days(365), "day", 12),
        (days(3), "hour", 3),
        (days(1, start=APRIL_1 + timedelta(hours=5)), "interval", 1),
    ],
    ids=["a day", "a month", "a year", "three days by hour", "an interval"],
)
def test_neighbouring_partitions_are_listed_together_where_the_store_can(interval, by, listings):
    store, objects = counted_store()
    folders = folders_of(interval, by)
    for folder in folders[::2]:
        store.put(f"{folder}/{LEFT}", b"")
    objects.forget()

    found = held(store, *folders)

    assert [found[folder].is_clean for folder in folders] == [bool(n % 2) for n in range(len(folders))]
    assert objects.operations == {"list": listings}


def test_a_single_partition_is_found_without_its_neighbours_in_the_same_month():
    store, objects = counted_store()
    everything = folders_of(days(30), "day")
    for folder in everything:
        for number in range(100):
            store.put(f"{folder}/part-0123456789abcdef-{number:05d}.jsonl.gz", b"")
    objects.forget()

    assert not held(store, everything[7])[everything[7]].is_clean
    assert objects.operations == {"list": 1}
