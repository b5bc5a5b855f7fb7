from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_convexport.errors import ConfigurationError, IncompleteExportError
from airflow_provider_convexport.export.fetch.finding_storage import MemoryFindings
from airflow_provider_convexport.export.fetch.stream import Query
from airflow_provider_convexport.export.fetch.window_evidence import WindowContradictedError
from airflow_provider_convexport.export.fetch.window_probe import Finding
from airflow_provider_convexport.export.fetch.window_reading import WindowReading
from airflow_provider_convexport.export.records import records
from airflow_provider_convexport.export.window import Window
from tests.support.fake_vendor import FakeVendor
from tests.support.samples import APRIL_1, DAY, days, stream

START = APRIL_1.timestamp()
MIDNIGHT = START + 86_400
END = START + 2 * 86_400
NOW = START + 20 * 86_400
REACH = 10


def query(**changes):
    undecided = stream(
        window_undecided=True,
        window_params=lambda window, on: {
            "created_from": str(window.start.timestamp()),
            "created_to": str(window.end.timestamp()),
        },
        request_window=DAY,
        reach=timedelta(seconds=REACH),
    )
    return Query(undecided, **changes)


@dataclass(frozen=True)
class Rule:
    """How a vendor selects; its ends are exact, or it compares whole seconds."""

    by: str
    lower: bool = True
    upper: bool = False
    whole: bool = False

    def selects(self, record, low, high):
        first, last = {
            "created": (record[0], record[0]),
            "updated": (record[1], record[1]),
            "overlap": record,
        }[self.by]
        if self.whole:
            first, last = first // 1, last // 1
        return (low < last or (self.lower and low == last)) and (
            first < high or (self.upper and high == first)
        )


class Vendor(FakeVendor):
    """A vendor with records given as (created, updated)."""

    def __init__(self, rows, rule):
        super().__init__([(str(number), row) for number, row in enumerate(rows)])
        self.rule = rule

    def _inside(self, request):
        low, high = (float(request.parameter(f"created_{name}")) for name in ("from", "to"))
        return [one for one in self.records if self.rule.selects(one[1], low, high)]

    def _answer(self, request):
        answer = super()._answer(request)
        for record in answer["list"]:
            record["at"], record["changed_at"] = record["at"]
        return answer


@dataclass
class Run:
    """One run: the decided query that had success, and the ids of its records."""

    reading: WindowReading
    interval: Window
    queries: list = field(default_factory=list)

    def ids(self):
        def action(decided):
            self.queries.append(decided)
            page = records(self.reading.client, decided, self.interval, now=self.reading.now)
            return [bytes(raw).split(b'"')[3].decode() for raw in page]

        return self.reading.use(query(page_size=100), self.interval, action)

    @property
    def decided(self):
        return self.queries[-1]


def reading_of(vendor, findings=None, now=NOW):
    return WindowReading(vendor, findings or MemoryFindings(), lambda: now)


RULES = st.builds(
    Rule, st.sampled_from(["created", "updated", "overlap"]), st.booleans(), st.booleans(), st.booleans()
)
EDGES = st.sampled_from([START, MIDNIGHT, MIDNIGHT + 86_400])
NEAR = st.floats(-15, 15) | st.sampled_from([-10.0, -1.0, -0.000001, 0.0, 0.5, 1.0, 10.0])
LENGTHS = st.floats(0, 12) | st.sampled_from([0.0, 9.0, 10.0, 11.0]) | st.floats(0, 3 * 86_400)
ROWS = st.tuples(st.builds(float.__add__, EDGES, NEAR) | st.floats(START, START + 2 * 86_400), LENGTHS).map(
    lambda row: (row[0], row[0] + row[1])
)


def ids_of(rows, condition):
    return {str(number) for number, row in enumerate(rows) if condition(row)}


def both_lie_within(row, low, high):
    return low <= row[0] and row[1] < high


@settings(max_examples=400, deadline=None)
@given(rows=st.lists(ROWS, max_size=12), rule=RULES)
@example(rows=[(START - 11.5, START - 9.5), (END, END + 12)], rule=Rule("overlap", lower=False)).via(
    "each run proves the contrary of the other"
)
def test_whatever_the_vendor_selects_by_two_adjacent_runs_lose_none(rows, rule):
    vendor = Vendor(rows, rule)
    reading = reading_of(vendor)
    first, second = (Run(reading, Window(APRIL_1 + day * DAY, APRIL_1 + (day + 1) * DAY)) for day in (0, 1))

    try:
        found = sorted([*first.ids(), *second.ids()])
        if first.decided.window_on != second.decided.window_on:
            # The first day held nothing that tells; once it is exported again, both go by the same time.
            assert first.decided.window_evidence == "assumed"
            assert set(found) >= ids_of(rows, lambda row: both_lie_within(row, START, END))
            found = sorted([*Run(reading, days(1)).ids(), *second.ids()])
    except IncompleteExportError:
        assert rule.by == "overlap"  # a record disproves each field, and none tells more
        return
    if second.decided.window_evidence == "assumed":
        # Every record that was sent is short. Those across the outer ends are left to the runs beyond.
        assert len(found) == len(set(found))
        assert set(found) >= ids_of(rows, lambda row: both_lie_within(row, START, END))
    else:
        place = {"created": 0, "updated": 1}[second.decided.window_on]
        assert found == sorted(ids_of(rows, lambda row: START <= row[place] < END))


def test_what_is_known_is_not_asked_for():
    vendor, findings = Vendor([(START, START + 600)], Rule("updated")), MemoryFindings()

    for _ in range(2):
        decided = reading_of(vendor, findings).decide(query(), days(1))
        assert (decided.window_on, decided.window_evidence) == ("updated", "probe")

    assert len(vendor.requests) == 3
    assert list(findings.kept) == ["acme:/export"]


def test_a_stream_whose_window_is_known_is_not_asked_about():
    vendor = Vendor([(START, START + 600)], Rule("updated"))

    asked = Query(stream())
    assert reading_of(vendor).decide(asked, days(1)) is asked
    assert vendor.requests == []


@pytest.mark.parametrize(("days_later", "requests"), [(29, 3), (31, 6)])
def test_a_finding_is_established_again_after_thirty_days(days_later, requests):
    vendor, findings = Vendor([(START, START + 600)], Rule("updated")), MemoryFindings()

    for now in (NOW, NOW + days_later * 86_400):
        reading_of(vendor, findings, now).decide(query(), days(1))

    assert len(vendor.requests) == requests


def test_a_finding_about_a_field_that_no_longer_exists_is_not_used():
    findings = MemoryFindings({"acme:/export": Finding("closed", "probe", NOW)})

    asked = query()
    assert reading_of(Vendor([], Rule("created")), findings).decide(asked, days(1)) is asked


def contradicted(asked, *excluded):
    return WindowContradictedError(asked, frozenset(excluded))


def test_what_a_page_has_proven_is_kept():
    reading = reading_of(Vendor([], Rule("updated")))

    corrected = reading.correct(query(), days(1), contradicted(query(), "created"))

    for each in (corrected, reading.decide(query(), days(1))):
        assert (each.window_on, each.window_evidence) == ("updated", "page")


def test_an_action_is_done_again_once():
    reading, tried = reading_of(Vendor([], Rule("updated"))), []

    def action(decided):
        tried.append(decided.window_on)
        raise contradicted(decided, decided.window_on)

    with pytest.raises(
        IncompleteExportError, match="by their created and others by their updated, so it is not"
    ):
        reading.use(query(), days(1), action)
    assert tried == ["created", "updated"]
    assert reading.findings.kept == {}


def test_records_that_disprove_everything_at_once_are_an_error_and_nothing_is_kept():
    reading = reading_of(Vendor([(START, START + 600)], Rule("updated")))

    def action(decided):
        raise contradicted(decided, "created", "updated")

    with pytest.raises(IncompleteExportError, match="the next try finds out again") as caught:
        reading.use(query(), days(1), action)
    assert not isinstance(caught.value, WindowContradictedError)
    assert reading.findings.kept == {}


def test_a_dags_own_wrong_word_is_an_error_that_says_what_to_write():
    reading = reading_of(Vendor([(START, START + 600)], Rule("updated")))

    with pytest.raises(ConfigurationError, match="leave window_on out, or write window_on='updated'"):
        reading.decide(query(window_on="created"), days(1))


def test_a_dags_own_word_stands_alone_if_nothing_tells():
    decided = reading_of(Vendor([], Rule("updated"))).decide(query(window_on="updated"), days(1))

    assert (decided.window_on, decided.window_evidence) == ("updated", "explicit")
