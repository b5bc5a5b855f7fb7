from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_convexport.export.fetch.stream import Query
from airflow_provider_convexport.export.fetch.window_probe import Finding, probe
from tests.support.fake_vendor import FakeVendor
from tests.support.samples import APRIL_1, DAY, days, stream

START = APRIL_1.timestamp()
NOON = START + 43_200
NOW = START + 20 * 86_400
SETTLE = 3_600
LONG, SHORT = (NOON, NOON + 600), (NOON, NOON + 10)


def created(record, low, high):
    return low <= record[0] <= high


def updated(record, low, high):
    return low <= record[1] <= high


def overlap(record, low, high):
    return record[0] <= high and low <= record[1]


def whole_seconds(record, low, high):
    return low <= record[1] // 1 < high


def neither(record, low, high):
    return high - low > 3 and created(record, low, high)


class Vendor(FakeVendor):
    """A vendor with records given as (created, updated), which it selects by a rule."""

    def __init__(self, *records, selects=created):
        super().__init__([(str(number), record) for number, record in enumerate(records)])
        self.selects = selects

    def _inside(self, request):
        low, high = (request.parameter(f"created_{name}") for name in ("from", "to"))
        span = [float(bound) for bound in (low, high)]
        return [one for one in self.records if self.selects(one[1], *span)]

    def _answer(self, request):
        answer = super()._answer(request)
        for record in answer["list"]:
            record["at"], record["changed_at"] = record["at"]
        return answer


def query(**changes):
    undecided = stream(
        window_undecided=True,
        window_params=lambda window, on: {
            "created_from": str(window.start.timestamp()),
            "created_to": str(window.end.timestamp()),
        },
        request_window=DAY,
        reach=timedelta(seconds=10),
        settle=timedelta(seconds=SETTLE),
    )
    return Query(undecided, **changes)


def found(vendor, *, interval=None, now=NOW, **changes):
    return probe(vendor, query(**changes), interval or days(1), now=now)


@pytest.mark.parametrize(
    ("selects", "finding"),
    [
        (created, Finding("created", "probe", NOW)),
        (updated, Finding("updated", "probe", NOW)),
        (whole_seconds, Finding("updated", "probe", NOW)),
        (overlap, Finding("", "overlap", NOW)),
        (neither, None),
    ],
)
@pytest.mark.parametrize("fraction", [0, 0.000001, 0.999999])
def test_two_short_windows_tell(selects, finding, fraction):
    vendor = Vendor((NOON + fraction, NOON + 600 + fraction), selects=selects)

    assert found(vendor) == finding


def test_a_record_with_times_that_are_near_each_other_tells_nothing():
    vendor = Vendor(SHORT, SHORT)

    assert found(vendor) is None
    assert len(vendor.requests) == 4


def test_a_record_without_a_time_tells_nothing():
    assert found(Vendor((NOON, None), (NOON, "soon"))) is None


@pytest.mark.parametrize(("now", "tells"), [(NOON + 600 + SETTLE, True), (NOON + 599 + SETTLE, False)])
def test_a_time_that_may_still_move_tells_nothing(now, tells):
    assert (found(Vendor(LONG), now=now) is not None) == tells


def test_at_most_three_records_are_tried():
    vendor = Vendor(*[LONG] * 10, selects=neither)

    assert found(vendor) is None
    assert len(vendor.requests) == 1 + 3 * 2


def test_another_record_is_tried_if_the_first_is_not_found():
    gone = (NOON, NOON + 300)
    vendor = Vendor(
        gone,
        LONG,
        selects=lambda record, low, high: created(record, low, high) and (record != gone or high - low > 3),
    )

    assert found(vendor) == Finding("created", "probe", NOW)


def test_a_short_window_whose_pages_do_not_end_tells_nothing():
    def selects(record, low, high):
        is_short, is_created = high - low <= 3, low < NOON + 100
        return not is_short or (record == LONG) != is_created

    assert found(Vendor(LONG, *[SHORT] * 99, selects=selects), page_size=1) is None
    assert found(Vendor(LONG, *[SHORT] * 9, selects=selects), page_size=1) == Finding("updated", "probe", NOW)


@pytest.mark.parametrize("offset", [0, 5, 9, -1, -3])
def test_a_record_is_looked_for_in_three_windows_of_the_interval_and_the_days_before(offset):
    at = NOON + offset * 86_400

    assert found(Vendor((at, at + 600)), interval=days(10)) == Finding("created", "probe", NOW)


@pytest.mark.parametrize("offset", [1, -4])
def test_a_record_elsewhere_is_not_looked_for(offset):
    at = NOON + offset * 86_400
    vendor = Vendor((at, at + 600))

    assert found(vendor, interval=days(10)) is None
    assert len(vendor.requests) == 6
