from __future__ import annotations

import pytest

from airflow_provider_convexport.export.stage.attempt import Attempt
from airflow_provider_convexport.export.stage.segment import decode_ids, inflate
from airflow_provider_convexport.export.stage.stager import Stager
from airflow_provider_convexport.export.stage.tuning import Tuning
from tests.support.samples import batch


@pytest.fixture
def attempt(store):
    return Attempt.begin(store, task="task", fingerprint="print")


def lines_of(store, segment):
    return inflate(segment, store.get_range(segment.object, segment.offset, segment.ids_offset))


def test_what_is_held_is_staged_as_one_object_with_a_segment_per_partition(attempt, store):
    stager = Stager(attempt)
    stager.add([batch(("b", 2.0), partition=1), batch(("a", 1.0), partition=0)])
    stager.add([batch(("c", 3.0), partition=1)])

    stager.flush()

    assert [(one.partition, one.records) for one in stager.segments] == [(0, 1), (1, 2)]
    assert len({one.object for one in stager.segments}) == 1
    assert [lines_of(store, one).count(b"\n") for one in stager.segments] == [1, 2]
    ids = [decode_ids(store.get_range(one.object, one.ids_offset, one.end)) for one in stager.segments]
    assert ids == [["a"], ["b", "c"]]


def test_objects_lie_in_the_attempts_own_folder_under_names_of_their_own(attempt):
    stager = Stager(attempt)
    for identity in "ab":
        stager.add([batch((identity, 1.0))])
        stager.flush()

    assert [one.object for one in stager.segments] == [
        attempt.path("segments-000001"),
        attempt.path("segments-000002"),
    ]


def test_nothing_held_is_nothing_staged(attempt, store):
    Stager(attempt).flush()

    assert store.find("_staging") == [attempt.path("lease")]


def test_it_is_due_after_some_seconds_or_at_some_size(attempt, fake_time):
    stager = Stager(attempt, Tuning(flush_seconds=4, flush_bytes=1000), clock=fake_time)
    assert not stager.is_due

    fake_time.sleep(4)
    assert stager.is_due
    stager.flush()
    assert not stager.is_due

    noise = b'"%s"' % bytes((number * 7919) % 94 + 33 for number in range(100_000)).replace(
        b'"', b"x"
    ).replace(b"\\", b"y")
    stager.tuning = Tuning(flush_seconds=4, flush_bytes=10)
    stager.add([batch(("a", 1.0), raws=[noise])])
    stager.flush()
    assert not stager.is_due


def test_it_is_due_at_some_size_of_all_partitions_together_before_anything_is_compressed(attempt, fake_time):
    stager = Stager(attempt, Tuning(pending_bytes=100_000), clock=fake_time)
    for number in range(99):
        stager.add([batch(("a", 1.0), partition=number, raws=[b"x" * 1000])])
        assert not stager.is_due

    stager.add([batch(("a", 1.0), partition=99, raws=[b"x" * 1000])])
    assert stager.is_due
    stager.flush()
    assert not stager.is_due
    assert len(stager.segments) == 100


def test_segments_of_an_earlier_attempt_stay_in_front(attempt):
    before = Stager(attempt)
    before.add([batch(("a", 1.0))])
    before.flush()
    newer = Attempt.begin(attempt.store, task="task", fingerprint="print")

    stager = Stager(newer, segments=list(before.segments))
    stager.add([batch(("b", 1.0))])
    stager.flush()

    assert [one.object for one in stager.segments] == [
        attempt.path("segments-000001"),
        newer.path("segments-000001"),
    ]
