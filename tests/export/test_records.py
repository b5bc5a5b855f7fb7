from __future__ import annotations

import json
from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_convexport.export.fetch.stream import PageSize, Query
from airflow_provider_convexport.export.records import records
from tests.support.fake_vendor import FakeVendor
from tests.support.samples import APRIL_1, DAY, HOUR, days, query, stream

START = APRIL_1.timestamp()
SIXTHS = [(str(number), START + number * 4 * 3600) for number in range(-3, 24)]
"""Six records for each day, from half a day before April 1 to its fourth day."""


def ids_of(raws):
    return [json.loads(bytes(raw))["id"] for raw in raws]


def asked_from(vendor):
    return [request.parameter("created_from") for request in vendor.requests]


def test_exactly_the_intervals_records_come_in_the_vendors_order():
    assert ids_of(records(FakeVendor(SIXTHS), query(), days(2))) == [str(number) for number in range(12)]


def test_the_start_belongs_to_the_interval_and_the_end_does_not():
    edges = [("before", START - 1), ("start", START), ("last", START + 86_399.999), ("end", START + 86_400)]

    assert ids_of(records(FakeVendor(edges), query(), days(1))) == ["start", "last"]


def test_records_are_the_bytes_that_the_vendor_sent():
    (raw,) = records(FakeVendor([("a", START)]), query(), days(1))

    assert bytes(raw) == b'{"id": "a", "at": %s}' % str(START).encode()


def test_a_long_interval_is_asked_for_window_by_window():
    vendor = FakeVendor(SIXTHS)

    assert len(ids_of(records(vendor, query(request_window=DAY), days(3)))) == 18
    assert asked_from(vendor) == ["2026-03-31T23:59:59Z", "2026-04-01T23:59:59Z", "2026-04-02T23:59:59Z"]


def test_a_record_at_a_seam_comes_once():
    """Both windows that meet there ask for it."""
    seams = [(str(hour), START + hour * 3600) for hour in range(24)]
    vendor = FakeVendor(seams)

    assert ids_of(records(vendor, query(request_window=HOUR), days(1))) == [str(hour) for hour in range(24)]
    assert len(vendor.requests) == 24


def test_a_record_that_comes_again_is_left_out():
    twice = [("a", START), ("b", START + 1), ("a", START), ("a", START + 2)]

    assert ids_of(records(FakeVendor(twice), query(page_size=1), days(1))) == ["a", "b"]


def test_a_record_that_comes_again_after_very_many_others_is_left_out():
    many = [(str(number), START) for number in range(40_000)]
    several = FakeVendor([*many, ("0", START)])
    large = stream(page_size=PageSize("size", default=5_000, minimum=1, maximum=5_000))

    assert ids_of(records(several, Query(large), days(1))) == [identity for identity, _ in many]


def test_nothing_is_asked_for_before_the_first_record_is_wanted():
    vendor = FakeVendor(SIXTHS)

    records(vendor, query(), days(2))

    assert vendor.requests == []


def test_pages_are_asked_for_one_by_one():
    vendor = FakeVendor(SIXTHS)
    found = records(vendor, query(page_size=4, request_window=DAY), days(2))

    assert ids_of(islice(found, 3)) == ["0", "1", "2"]
    assert len(vendor.requests) == 1
    assert ids_of(islice(found, 2)) == ["3", "4"]
    assert len(vendor.requests) == 2


def test_an_interval_without_records_is_asked_for_all_the_same():
    vendor = FakeVendor([])

    assert list(records(vendor, query(), days(2))) == []
    assert len(vendor.requests) == 1


@settings(max_examples=50)
@given(
    st.lists(st.integers(-7_200, 93_600), max_size=40, unique=True),
    st.integers(1, 12),
    st.integers(1, 24),
)
def test_whatever_the_pages_and_windows_each_record_comes_once(offsets, size, hours):
    every = [(str(offset), START + offset) for offset in sorted(offsets)]
    asked = query(page_size=size, request_window=hours * HOUR)

    found = ids_of(records(FakeVendor(every), asked, days(1)))

    assert found == [identity for identity, at in every if START <= at < START + 86_400]
