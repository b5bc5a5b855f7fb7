from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from airflow_provider_convexport.errors import IncompleteExportError
from airflow_provider_convexport.export.fetch.stream import Query
from airflow_provider_convexport.export.fetch.window_evidence import WindowContradictedError, check_page
from tests.support.samples import APRIL_1, DAY, days, stream

START, END = APRIL_1.timestamp(), (APRIL_1 + DAY).timestamp()
NOON = START + 43_200
REACH, ROUNDING = 10, 1
SETTLE = 3_600
LATE = END + 10 * 86_400
"""When the first request is sent, unless a test says another time."""


def query(**changes):
    undecided = stream(
        window_undecided=True, reach=timedelta(seconds=REACH), settle=timedelta(seconds=SETTLE)
    )
    return Query(undecided, **changes)


def page(asked, *records):
    """The page of a query with records given as (created, updated)."""
    rows = [
        {"id": str(number), "at": at, "changed_at": changed_at}
        for number, (at, changed_at) in enumerate(records)
    ]
    return asked.page_format.decode(msgspec.json.encode({"list": rows}))


def check(asked, *records, requested_at=LATE):
    check_page(asked, page(asked, *records), days(1), requested_at=requested_at)


def proven(asked, *records, **kwargs):
    with pytest.raises(WindowContradictedError) as caught:
        check(asked, *records, **kwargs)
    return caught.value.proven


@pytest.mark.parametrize("at", [START - REACH - ROUNDING - 1, END + REACH + ROUNDING + 1, START - 5 * 86_400])
def test_a_record_outside_by_the_time_in_use_proves_the_other(at):
    assert proven(query(), (NOON, NOON), (at, NOON)) == "updated"
    assert proven(query(window_on="updated"), (NOON, at)) == "created"


@pytest.mark.parametrize("at", [START - 5 * 86_400, END + 5 * 86_400])
def test_a_record_outside_by_the_time_that_is_not_in_use_proves_nothing_new(at):
    check(query(), (NOON, at))
    check(query(window_on="updated"), (at, NOON))


@pytest.mark.parametrize(
    "at", [START - REACH - ROUNDING, START - REACH, START - 0.5, END, END + REACH, END + REACH + 0.999999]
)
def test_a_record_within_the_request_proves_nothing_even_if_the_vendor_compares_whole_seconds(at):
    for window_on in ("created", "updated"):
        check(query(window_on=window_on), (at, at))


def test_a_record_outside_by_both_times_proves_neither():
    assert proven(query(), (START - 86_400, END + 86_400)) is None
    assert proven(query(), (START - 86_400, NOON), (NOON, END + 86_400)) is None


@pytest.mark.parametrize("requested_at", [END + 86_400 + SETTLE - 1, END + 86_400, END])
def test_a_time_that_may_have_moved_since_the_request_proves_nothing(requested_at):
    """The vendor selected the record by an earlier time and sent it with a later one."""
    check(query(window_on="updated"), (NOON, END + 86_400), requested_at=requested_at)


def test_a_time_that_had_settled_before_the_request_proves():
    records = (NOON, END + 86_400)

    assert proven(query(window_on="updated"), records, requested_at=END + 86_400 + SETTLE) == "created"


@pytest.mark.parametrize("value", [None, "soon", START * 1000, True, {}])
def test_a_time_that_is_missing_or_cannot_be_read_proves_nothing(value):
    check(query(), (value, NOON))
    check(query(window_on="updated"), (NOON, value))


def test_naive_text_is_read_as_utc():
    assert proven(query(window_on="updated"), (NOON, "2026-03-31T23:59:48.999999")) == "created"
    check(query(window_on="updated"), (NOON, "2026-03-31T23:59:49"))


def test_a_record_with_a_lone_surrogate_proves_what_its_time_says():
    raw = b'{"id": "a", "at": 1, "changed_at": %d, "text": "\\ud800", "\\ud800": 1}' % NOON
    asked = query()
    answer = asked.page_format.decode(b'{"list": [%b]}' % raw)

    with pytest.raises(WindowContradictedError) as caught:
        check_page(asked, answer, days(1), requested_at=LATE)
    assert caught.value.proven == "updated"


def test_an_empty_page_proves_nothing():
    check(query())


def test_a_vendor_that_selects_by_both_times_is_not_contradicted():
    check(query(window_evidence="overlap"), (START - 86_400, NOON))


def test_a_stream_whose_window_is_known_is_not_looked_at():
    check(Query(stream()), (START - 86_400, NOON))


def test_the_error_says_what_the_window_does_not_select_by():
    with pytest.raises(IncompleteExportError) as caught:
        check(query(), (START - 86_400, NOON))

    assert str(caught.value) == (
        "Acme /export sent a record that is outside of the requested window by its created, so the window "
        "does not select by created but by updated; nothing was published."
    )


@pytest.mark.parametrize(
    ("arguments", "evidence"),
    [({}, "assumed"), ({"window_on": "created"}, "explicit"), ({"window_evidence": "probe"}, "probe")],
)
def test_a_query_says_how_its_time_was_established(arguments, evidence):
    assert query(**arguments).window_evidence == evidence
    assert Query(stream()).window_evidence == ""
