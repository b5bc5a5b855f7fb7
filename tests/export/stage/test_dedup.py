from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_convexport.export.stage.dedup import find_duplicates
from airflow_provider_convexport.export.stage.segment import SegmentWriter
from tests.support.samples import batch


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

    assert find_duplicates(segments, ids_of, buckets=4, buffered=held) == naive(groups)


def test_nothing_is_dropped_where_nothing_repeats():
    assert find_duplicates(*segments_of([["a", "b"], ["c"]])) == {}


def test_no_segments_have_no_repeats():
    assert find_duplicates([], lambda segment: []) == {}


def test_the_first_copy_in_order_of_publication_stays():
    assert find_duplicates(*segments_of([["a"], ["b", "a"], ["a", "a", "c"]])) == {
        1: frozenset((1,)),
        2: frozenset((0, 1)),
    }
