"""What a destination holds during and after runs, on every store."""

from __future__ import annotations

import json

import pytest

from airflow_provider_convexport.compat import AirflowFailException
from airflow_provider_convexport.destination import store_at
from airflow_provider_convexport.simulator.faults import Fault
from tests.stores.attempts import PROCESSES, put
from tests.stores.buckets import assert_tidy, partitions
from tests.stores.watcher import Watcher
from tests.support.connections import connections_here
from tests.support.exports import export
from tests.support.processes import exit_code
from tests.support.published import truth
from tests.support.samples import DAY
from tests.support.streams import MIDNIGHT, STREAMS, case_of

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

START = MIDNIGHT - 20 * DAY
END = START + 3 * DAY
CASE = case_of("agentx", "messages")


@pytest.mark.parametrize("case", STREAMS, ids=str)
def test_a_run_publishes_exactly_the_truth(simulator, bucket, root, case):
    facts = export(case, bucket.url(root), START, END)

    assert partitions(bucket, root) == truth(simulator, case, START, END)
    assert_tidy(bucket, root)
    assert facts["manifests"] == [
        f"{bucket.url(root)}/{folder}/_manifest.json" for folder in sorted(partitions(bucket, root))
    ]


def test_a_run_over_an_existing_partition_leaves_exactly_the_new_version(simulator, bucket, root):
    simulator.update(records=1_000)
    export(CASE, bucket.url(root), START, END, target_file_bytes=1)
    before = set(bucket.sizes(root))
    simulator.update(records=3_000)

    export(CASE, bucket.url(root), START, END)

    assert partitions(bucket, root) == truth(simulator, CASE, START, END)
    assert_tidy(bucket, root)
    assert {name for name in before & set(bucket.sizes(root)) if "part-" in name} == set()


@pytest.mark.parametrize("part", [0, 0.5, 1])
def test_a_try_that_fails_at_a_request_is_continued_after_its_checkpoint(simulator, bucket, root, part):
    simulator.update(max_page=2)
    alone = export(CASE, bucket.url(f"{root}-alone"), START, START + DAY, concurrency=1)
    simulator.reset()
    at = 2 + round(part * (alone["requests"] - 2))
    simulator.update(faults=(Fault("status:403", at=at),))
    with pytest.raises(AirflowFailException):
        export(CASE, bucket.url(root), START, START + DAY, concurrency=1)
    assert not any("part-" in name for name in bucket.sizes(root))
    first = len(simulator.request_log.requests)
    simulator.reset()
    simulator.update(faults=())

    facts = export(CASE, bucket.url(root), START, START + DAY, concurrency=1)

    assert partitions(bucket, root) == truth(simulator, CASE, START, START + DAY)
    assert_tidy(bucket, root)
    assert facts["requests"] == first + len(simulator.request_log.requests)
    assert facts["requests"] == alone["requests"] + 1


def test_whoever_looks_during_exports_sees_whole_files_and_complete_manifests(
    simulator, bucket, root, monkeypatch
):
    versions = []
    with Watcher(bucket, root) as watcher:
        for records in (1_500, 4_000, 2_000):
            simulator.update(records=records)
            export(CASE, bucket.url(root), START, END, target_file_bytes=2_000)
            versions.append(partitions(bucket, root))

    assert watcher.faults == []
    assert {name: sizes for name, sizes in watcher.sizes.items() if len(sizes) > 1} == {}
    assert watcher.looks > 5
    assert len(watcher.manifests) >= 2
    assert partitions(bucket, root) == truth(simulator, CASE, START, END)
    assert versions[0] != versions[1]


def test_objects_that_another_process_writes_and_replaces_are_seen_at_once(bucket, root):
    store = store_at(bucket.url(root))

    def write(name: str, content: bytes) -> None:
        process = PROCESSES.Process(target=put, args=(connections_here(), bucket.url(root), name, content))
        process.start()
        assert exit_code(process) == 0

    store.put("a/one", b"1")
    assert store.find("a") == ["a/one"]
    assert store.find("b") == []
    assert store.get("b/two") is None
    write("a/two", b"2")
    write("b/two", b"2")
    write("a/one", b"newer")
    assert store.find("a") == ["a/one", "a/two"]
    assert store.find("b") == ["b/two"]
    assert (store.get("a/one"), store.get_range("a/one", 1, 9), store.get("b/two")) == (
        b"newer",
        b"ewer",
        b"2",
    )


def test_a_folder_with_wildcards_in_its_name_is_cleaned_without_touching_others(simulator, bucket, root):
    other = store_at(bucket.url(f"{root}/xx y"))
    other.put("_staging/kept", b"")

    export(CASE, bucket.url(f"{root}/x* [y]"), START, START + DAY)

    assert partitions(bucket, f"{root}/x* [y]") == truth(simulator, CASE, START, START + DAY)
    assert_tidy(bucket, f"{root}/x* [y]")
    assert other.get("_staging/kept") == b""


def test_what_is_gone_can_be_deleted_again(bucket, root):
    store = store_at(bucket.url(root))
    for name in ("a", "b/c", "b/d"):
        store.put(name, json.dumps(name).encode())

    store.delete(["a", "gone", "b/c", "also/gone"])
    store.delete(["a"])

    assert store.find("") == ["b/d"]
