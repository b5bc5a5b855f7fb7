from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_convexport.export.stage.dedup import RecentIds, StagedIds, find_duplicates
from airflow_provider_convexport.export.stage.segment import SegmentWriter
from tests.support.samples import batch


def duplicates(segments, ids_of, **sizes):
    with contextlib.closing(StagedIds(**sizes)) as known:
        return find_duplicates(segments, ids_of, known)


def segments_of(groups):
    ids = {}
    segments = []
    for number, group in enumerate(groups):
        writer = SegmentWriter(0)
        writer.add(batch(*((identity, None) for identity in group)))
        segments.append(writer.finish([], name=str(number), offset=0))
        ids[str(number)] = group
    return segments, lambda segment: ids[segment.object]


def naive(groups):
    met, drops = set(), {}
    for position, group in enumerate(groups):
        for line, identity in enumerate(group):
            if identity in met:
                drops.setdefault(position, set()).add(line)
            met.add(identity)
    return drops


@settings(max_examples=25, deadline=None)
@given(
    groups=st.lists(
        st.lists(st.one_of(st.sampled_from(["a", "b", "é\n"]), st.text(max_size=3)), max_size=6), max_size=6
    ),
    held=st.sampled_from([1, 5, 1000]),
)
def test_exactly_the_later_copies_are_found(groups, held):
    segments, ids_of = segments_of(groups)

    assert duplicates(segments, ids_of, buckets=4, buffered=held) == naive(groups)


def test_nothing_is_dropped_where_nothing_repeats():
    assert duplicates(*segments_of([["a", "b"], ["c"]])) == {}


def test_no_segments_have_no_repeats():
    assert duplicates([], lambda segment: []) == {}


def test_the_first_copy_in_order_of_publication_stays():
    assert duplicates(*segments_of([["a"], ["b", "a"], ["a", "a", "c"]])) == {
        1: frozenset((1,)),
        2: frozenset((0, 1)),
    }


@settings(max_examples=25, deadline=None)
@given(
    groups=st.lists(st.lists(st.sampled_from("abcdefghijkl"), max_size=4), max_size=8),
    staged_from=st.integers(0, 8),
    held=st.sampled_from([1, 5, 1000]),
)
def test_of_what_was_staged_here_only_segments_with_repeats_are_read(groups, staged_from, held):
    segments, ids_of = segments_of(groups)
    reads = []
    with contextlib.closing(StagedIds(buckets=4, buffered=held)) as known:
        for position in range(staged_from, len(groups)):
            known.add(position, groups[position])

        found = find_duplicates(segments, lambda one: reads.append(int(one.object)) or ids_of(one), known)

    assert found == naive(groups)
    everything = [one for group in groups for one in group]
    repeating = {at for at, group in enumerate(groups) if any(everything.count(one) > 1 for one in group)}
    earlier = range(min(staged_from, len(groups)))
    assert sorted(reads) == sorted([*earlier, *repeating])


def test_what_is_added_after_its_end_is_not_kept():
    known = StagedIds(buckets=2, buffered=1)
    known.add(0, ["a", "b"])
    known.close()

    known.add(1, ["a"])
    assert 1 not in known


def test_ids_that_are_kept_are_remembered_however_many_follow():
    recent = RecentIds(capacity=2)
    recent.add_if_new(["a", "b"])
    recent.keep(["a"])
    for number in range(10):
        recent.rotate()
        recent.add_if_new([f"{number}-1", f"{number}-2"])

    assert not recent.is_new("a")
    assert not recent.add_if_new(["x", "a"])
    assert recent.is_new("b")


@pytest.mark.parametrize("count", [5, 100])
def test_the_memory_for_kept_ids_is_bounded(count):
    recent = RecentIds(capacity=2, max_kept=5)
    for number in range(count):
        recent.keep([str(number)])

    assert len(recent._kept) == 5
