from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_convexport.export.fetch.usage import Usage
from airflow_provider_convexport.export.publish.plan import Plan, commit_of, partition_plans
from airflow_provider_convexport.export.stage.partitioner import Counts
from airflow_provider_convexport.export.stage.segment import Segment


def segment(number, *, partition=0, length=10, records=5):
    return Segment(partition, f"object-{number}", 0, length, 3, records, 100, 1, None, None)


def plans(segments, drops=None, *, partitions=2, target=100):
    folders = [f"day-{number}" for number in range(partitions)]
    return partition_plans(segments, drops or {}, folders=folders, target_file_bytes=target)


def names(partition):
    return [[source.segment.object for source in file] for file in partition.files]


def test_segments_go_to_their_partitions_in_the_order_they_were_staged():
    first, second = plans([segment(0), segment(1, partition=1), segment(2)])

    assert (names(first), names(second)) == ([["object-0", "object-2"]], [["object-1"]])


def test_a_partition_without_records_is_planned_too():
    assert [(plan.index, plan.files) for plan in plans([])] == [(0, []), (1, [])]


def test_a_file_is_closed_once_it_has_its_size():
    (plan,) = plans([segment(number, length=40) for number in range(7)], partitions=1)

    assert names(plan) == [
        ["object-0", "object-1", "object-2"],
        ["object-3", "object-4", "object-5"],
        ["object-6"],
    ]


def test_lines_to_drop_are_recorded_and_not_counted():
    (plan,) = plans([segment(0), segment(1)], {1: frozenset((4, 0))}, partitions=1)

    assert [(source.drop, source.records) for source in plan.sources] == [([], 5), ([0, 4], 3)]


def test_a_segment_of_which_nothing_is_left_is_left_out():
    (plan,) = plans([segment(0), segment(1)], {1: range(5)}, partitions=1)

    assert names(plan) == [["object-0"]]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 50)), max_size=30), st.integers(1, 120))
def test_every_segment_is_in_exactly_one_file(parts, target):
    segments = [segment(number, partition=p, length=size) for number, (p, size) in enumerate(parts)]

    planned = plans(segments, partitions=3, target=target)

    assert sorted(source.segment.object for plan in planned for source in plan.sources) == sorted(
        one.object for one in segments
    )
    assert all(source.segment.partition == plan.index for plan in planned for source in plan.sources)


def test_a_commit_names_exactly_one_plan():
    one = plans([segment(0)])
    other = plans([segment(1)])

    assert commit_of(one, seed="x") == commit_of(plans([segment(0)]), seed="x")
    assert len({commit_of(one, seed="x"), commit_of(other, seed="x"), commit_of(one, seed="y")}) == 3


def test_two_walks_that_found_nothing_have_different_commits():
    assert commit_of(plans([]), seed="000001-a") != commit_of(plans([]), seed="000002-b")


def test_a_plan_survives_being_stored():
    plan = Plan(
        saved_at=1.5,
        requested_at=1.0,
        commit="c0ffee",
        partitions=plans([segment(0)], {0: (1,)}),
        counts=Counts(records=3),
        usage=Usage(requests=4, throttled_seconds=0.25),
    )

    assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan
    assert plan.records == 4
