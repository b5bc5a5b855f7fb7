from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_convexport.export.dataset.partition import PartitionGrid
from airflow_provider_convexport.export.stage.dedup import RecentIds
from airflow_provider_convexport.export.stage.partitioner import Counts, Partitioner
from airflow_provider_convexport.export.window import Window
from tests.support.samples import APRIL_1, DAY, days, page

START = APRIL_1.timestamp()
END = (APRIL_1 + 2 * DAY).timestamp()
MIDNIGHT = (APRIL_1 + DAY).timestamp()
FAR = timedelta(days=10).total_seconds()


def partitioner(*, interval=None):
    return Partitioner(PartitionGrid(interval or days(2), "day", {}))


def ids_by_partition(batches):
    found = {}
    for batch in batches:
        found.setdefault(batch.partition, []).extend(batch.ids)
    return {partition: sorted(ids) for partition, ids in found.items()}


def test_a_page_within_one_partition_is_taken_whole():
    gate = partitioner()
    whole = page(("a", START), ("b", START + 5))

    (batch,) = gate.take(whole, days(2))

    assert (batch.partition, batch.ids, batch.first, batch.last) == (0, ["a", "b"], START, START + 5)
    assert batch.raws is whole.raws
    assert gate.counts.records == 2


def test_a_page_over_midnight_is_sorted_into_both_partitions():
    batches = partitioner().take(page(("a", MIDNIGHT), ("b", MIDNIGHT - 1), ("c", MIDNIGHT + 1)), days(2))

    assert ids_by_partition(batches) == {0: ["b"], 1: ["a", "c"]}
    assert {batch.partition: (batch.first, batch.last) for batch in batches} == {
        0: (MIDNIGHT - 1, MIDNIGHT - 1),
        1: (MIDNIGHT, MIDNIGHT + 1),
    }


def test_the_interval_is_half_open():
    gate = partitioner()

    batches = gate.take(
        page(("before", START - 0.5), ("first", START), ("last", END - 1e-6), ("end", END)), days(2)
    )

    assert ids_by_partition(batches) == {0: ["first"], 1: ["last"]}
    assert gate.counts.outside_interval == 2


def test_a_record_that_comes_again_is_dropped_and_counted():
    gate = partitioner()
    gate.take(page(("a", START), ("b", START)), days(2))

    batches = gate.take(page(("b", START), ("c", START), ("c", START)), days(2))

    assert ids_by_partition(batches) == {0: ["c"]}
    assert (gate.counts.records, gate.counts.duplicates) == (3, 2)


def test_an_empty_page_counts_as_a_page():
    gate = partitioner()

    assert gate.take(page(), days(2)) == []
    assert gate.counts == Counts()


def test_a_record_without_a_time_is_kept_in_the_first_partition_of_its_window():
    gate = partitioner()

    batches = gate.take(page(("a", None), ("b", MIDNIGHT)), Window(APRIL_1 + DAY, APRIL_1 + 2 * DAY))

    assert ids_by_partition(batches) == {1: ["a", "b"]}
    assert gate.counts.undated == 1
    assert {batch.first for batch in batches} <= {MIDNIGHT, None}


def test_a_record_without_a_time_is_kept_once():
    gate = partitioner()
    gate.take(page(("a", None)), days(2))

    assert gate.take(page(("a", None)), days(2)) == []
    assert (gate.counts.undated, gate.counts.duplicates) == (1, 1)


@pytest.mark.parametrize("moment", [START - FAR, START - 1, START - 0.001, END, END + 1, END + FAR])
def test_a_record_outside_the_interval_is_dropped(moment):
    gate = partitioner()

    assert gate.take(page(("a", moment)), days(2)) == []
    assert gate.counts == Counts(outside_interval=1)


MOMENTS = st.one_of(
    st.none(),
    st.integers(-3, 3).map(lambda offset: START + offset),
    st.integers(-3, 3).map(lambda offset: MIDNIGHT + offset / 2),
    st.integers(-3, 3).map(lambda offset: END + offset),
    st.floats(START - FAR, END + FAR),
)
PAGES = st.lists(st.lists(st.tuples(st.sampled_from("abcdefghij"), MOMENTS), max_size=6), max_size=8)


def is_elsewhere(moment):
    return moment is None or not START <= moment < END


def naive(pages, *, surest):
    seen, kept = set(), []
    for records in pages:
        # Which of two copies in one page counts as the first is open, if their times differ.
        for identity, moment in sorted(records, key=lambda one: surest * is_elsewhere(one[1])):
            inside = moment is None or START <= moment < END
            if identity in seen or not inside:
                continue
            seen.add(identity)
            partition = 0 if moment is None else int((moment - START) // 86_400)
            kept.append((partition, identity))
    return sorted(kept)


@settings(max_examples=150)
@given(pages=PAGES)
def test_what_is_kept_is_what_a_naive_reading_keeps(pages):
    gate = partitioner()

    batches = [batch for records in pages for batch in gate.take(page(*records), days(2))]

    kept = sorted((batch.partition, identity) for batch in batches for identity in batch.ids)
    assert kept in [naive(pages, surest=each) for each in (-1, 0, 1)]
    counts = gate.counts
    total = sum(len(records) for records in pages)
    assert counts.records == len(kept)
    assert counts.records + counts.duplicates + counts.outside_interval == total


@settings(max_examples=60)
@given(moments=st.lists(st.integers(0, 4 * 86_400 * 2), max_size=30), cut=st.integers(1, 3))
def test_adjacent_runs_together_keep_every_record_exactly_once(moments, cut):
    records = [(str(number), START + half / 2) for number, half in enumerate(moments)]
    border = APRIL_1 + cut * DAY
    runs = [Window(APRIL_1, border), Window(border, APRIL_1 + 4 * DAY)]

    kept = [
        identity
        for window in runs
        for batch in partitioner(interval=window).take(page(*records), window)
        for identity in batch.ids
    ]

    assert sorted(kept) == sorted(identity for identity, moment in records if moment < START + 4 * 86_400)


def test_recent_ids_remember_at_least_their_capacity():
    recent = RecentIds(capacity=10)
    for number in range(100):
        assert recent.is_new(str(number))
        assert not recent.is_new(str(max(number - 9, 0)))
        recent.rotate()


def test_recent_ids_say_when_they_forgot_something():
    recent = RecentIds(capacity=2)
    assert recent.add_if_new(["a", "b"])
    recent.rotate()
    assert not recent.forgot
    assert not recent.add_if_new(["a"])

    assert recent.add_if_new(["c", "d"])
    recent.rotate()
    assert recent.forgot
    assert recent.add_if_new(["a"])


def test_recent_ids_notice_an_id_that_comes_twice_at_once():
    recent = RecentIds()

    assert not recent.add_if_new(["a", "b", "a"])
    assert recent.add_if_new(["a", "b"])
    assert not recent.add_if_new(["c", "b"])
    assert recent.add_if_new(["c"])


def test_a_record_at_a_seam_is_known_to_the_next_window_however_many_others_came_in_between():
    """Windows that are fetched side by side meet their seams far apart."""
    first, second = days(2).split(DAY)
    seam = second.start.timestamp()
    gate = Partitioner(
        PartitionGrid(days(2), "day", {}), recent=RecentIds(capacity=2), reach=timedelta(seconds=1)
    )
    gate.take(page(("before", seam - 1.0), ("at", seam), ("after", seam + 0.9)), first)
    for number in range(10):
        gate.take(page(*((f"{number}-{each}", seam + 40_000.0) for each in range(3))), second)

    batches = gate.take(page(("before", seam - 1.0), ("at", seam), ("after", seam + 0.9)), second)

    assert batches == []
    assert gate.counts.duplicates == 3
