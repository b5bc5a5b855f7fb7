from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_convexport.page.cover import Piece, cover_of, length, without
from airflow_provider_convexport.page.extra import decoded
from airflow_provider_convexport.page.model import DAY, add_audit, cells, stretches
from airflow_provider_convexport.page.words import STATES
from tests.support.page_events import as_text, audit_extra
from tests.support.page_models import APRIL_1, COMMIT, FIRST, ROOT, dataset, moment, publish


def audit(into, day, **found):
    add_audit(into, decoded(as_text(audit_extra(ROOT, APRIL_1 + timedelta(days=day - 1), **found))), 0.0)


def states(of, last, *, now, **known):
    return [cell.state for cell in cells(of, range(FIRST, FIRST + last), now=now, **known)]


def test_days_before_the_first_that_was_published_are_not_missing():
    assert states(publish(dataset(), 3), 3, now=moment(4, 4)) == ["before", "before", "published"]


def test_a_hole_is_missing_and_what_follows_the_last_day_is_late():
    made = publish(publish(dataset(), 1), 3)

    assert states(made, 5, now=moment(9)) == ["published", "missing", "published", "late", "late"]


def test_a_day_is_not_late_before_the_vendor_has_all_of_it_and_an_hour_of_grace_is_over():
    made = publish(dataset(), 1)

    assert states(made, 2, now=moment(3, 2)) == ["published", "unsettled"]
    assert states(made, 2, now=moment(3, 3)) == ["published", "late"]


def test_a_day_of_a_long_window_is_not_late_before_the_window_has_ended():
    made = publish(publish(dataset(), -58, 30), -28, 30)

    assert states(made, 5, now=moment(9))[-1] == "unsettled"
    assert states(made, 5, now=moment(33))[-1] == "late"


def test_what_the_dag_has_created_runs_for_is_late_whatever_the_runs_before_were():
    made = publish(publish(dataset(), -58, 30), -28, 30)

    assert states(made, 5, now=moment(9), due=moment(6))[-1] == "late"


def test_a_day_without_records_is_empty():
    assert states(publish(dataset(), 1, records=0), 1, now=moment(3)) == ["empty"]


def test_a_day_that_was_asked_for_too_early_is_not_settled_until_it_is_exported_again():
    early = {"2026-04-01": {"records": 5, "bytes": 1, "commit": "a", "early": True}}
    made = publish(dataset(), 1, days_given=early)

    assert states(made, 1, now=moment(5)) == ["unsettled"]
    assert states(publish(made, 1), 1, now=moment(5)) == ["published"]


def test_a_day_that_the_vendor_had_partly_forgotten_is_clipped():
    kept = {"2026-04-01": {"records": 5, "bytes": 1, "commit": "a", "from": "2026-04-01T10:00:00Z"}}
    expired = ["2026-03-30T00:00:00Z", "2026-04-01T10:00:00Z"]

    assert states(publish(dataset(), 1, days_given=kept, expired=expired), 1, now=moment(5)) == ["clipped"]


def test_an_audit_that_found_a_gap_counts_until_another_version_is_published():
    made = publish(dataset(), 1, commit="one")
    audit(made, 1, ok=False, gaps=2, commit="one")
    assert states(made, 1, now=moment(5)) == ["failed"]

    assert states(publish(made, 1, commit="two"), 1, now=moment(5)) == ["published"]


def test_an_audit_of_hours_is_one_of_their_day():
    made = publish(dataset(), 1, commit="one")
    extra = audit_extra(ROOT, APRIL_1, ok=True, commit="other")
    extra["audit"] = {
        "2026-04-01T04:00:00": {"ok": True, "gaps": 0, "changed": 0, "commit": "other"},
        "2026-04-01T05:00:00": {"ok": False, "gaps": 2, "changed": 1, "commit": "one"},
    }
    add_audit(made, decoded(as_text(extra)), 0.0)

    assert states(made, 1, now=moment(5)) == ["failed"]
    assert (made.audits[FIRST].found.gaps, made.audits[FIRST].found.changed) == (2, 1)


@pytest.mark.parametrize(
    ("age", "state", "left"),
    [(5, "missing", 360), (351, "expiring", 14), (364, "expiring", 1), (366, "lost", None)],
)
def test_a_missing_day_says_how_long_the_vendor_still_keeps_it(age, state, left):
    made = publish(publish(dataset(history=365 * DAY), 1), 3)

    cell = cells(made, [FIRST + 1], now=moment(2) + age * DAY)[0]

    assert (cell.state, cell.days_left) == (state, left)


def test_hours_make_a_day_once_all_of_them_are_published():
    made = dataset()
    for hour in range(24):
        assert states(made, 1, now=moment(5)) == [("before" if hour == 0 else "missing")]
        hours = {f"{hour:02}": [10, 100]}
        item = {"2026-04-01": {"records": 10, "bytes": 100, "commit": f"{hour}", "hours": hours}}
        publish(made, 1, days_given=item)
    cell = cells(made, [FIRST], now=moment(5))[0]

    assert (cell.state, cell.cover.records, cell.cover.size) == ("published", 240, 2400)


def test_a_day_of_another_time_zone_ends_when_it_ends_there():
    made = publish(dataset(), 1, timezone="America/New_York")

    assert made.bounds(FIRST) == (moment(1, 4), moment(2, 4))
    assert states(made, 2, now=moment(3, 4)) == ["published", "unsettled"]


def test_a_partition_of_any_length_covers_its_days_whose_numbers_it_cannot_say():
    span = {"start": "2026-04-01T00:00:00Z", "end": "2026-04-03T12:00:00Z", "records": 9, "bytes": 9}
    made = publish(dataset(), 1, 3, days_given=None, spans=[span], partition_by="interval")
    found = cells(made, range(FIRST, FIRST + 3), now=moment(8))

    assert [cell.state for cell in found] == ["published", "published", "missing"]
    assert [cell.cover.records for cell in found] == [None, None, None]


def test_stretches_are_consecutive_days():
    days = [APRIL_1 + timedelta(days=n) for n in (5, 0, 1, 3)]

    assert [(first.day, last.day) for first, last in stretches(days)] == [(1, 2), (4, 4), (6, 6)]


spans = st.tuples(st.integers(0, 30), st.integers(1, 30)).map(lambda each: (each[0], each[0] + each[1]))
pieces = st.lists(st.tuples(spans, st.integers(0, 9)), max_size=8).map(
    lambda found: [Piece(start, end, n, n, "", False, COMMIT) for (start, end), n in found]
)


@given(st.lists(spans, max_size=6), spans)
def test_what_is_left_is_what_lay_outside(many, taken):
    disjoint = []
    for start, end in many:
        if all(end <= first or last <= start for first, last in disjoint):
            disjoint.append((start, end))
    before = {moment for first, last in disjoint for moment in range(first, last)}

    rest = without(disjoint, *taken)

    assert {moment for first, last in rest for moment in range(first, last)} == before - set(range(*taken))
    assert length(rest) == len(before - set(range(*taken)))


@given(pieces, spans)
def test_a_span_is_whole_exactly_if_each_of_its_moments_is_published(found, span):
    covered = {moment for piece in found for moment in range(piece.start, piece.end)}
    wanted = set(range(*span))

    cover = cover_of(found, *span)

    assert cover.is_whole == (wanted <= covered)
    assert cover.is_partly == (bool(wanted & covered) and not wanted <= covered)


@given(pieces, spans)
def test_records_are_those_of_the_newest_version_of_each_moment_or_not_known(found, span):
    cover = cover_of(found, *span)
    newest = {}
    for piece in found:
        newest |= dict.fromkeys(range(max(piece.start, span[0]), min(piece.end, span[1])), piece)
    seen = {id(piece): piece for piece in newest.values()}.values()
    exact = all(
        piece.records == 0
        or sum(each is piece for each in newest.values()) == piece.end - piece.start
        for piece in seen
    )  # fmt: skip

    assert cover.records == (sum(piece.records for piece in seen) if exact else None)


@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(1, 5), st.integers(0, 3)), max_size=12),
    st.integers(1, 60),
    st.sampled_from([None, 20 * DAY]),
)
def test_every_day_has_one_state_and_publishing_again_changes_none(exports, today, history):
    once, twice = dataset(history=history), dataset(history=history)
    for day, number, records in exports:
        publish(once, day, number, records=records)
        publish(twice, day, number, records=records)
        publish(twice, day, number, records=records)
    found = states(once, 60, now=moment(today))
    first = min((day for day, _, _ in exports), default=61)

    assert set(found) <= set(STATES)
    assert found[: first - 1] == ["before"] * (first - 1)
    assert "before" not in found[first - 1 :]
    assert found == states(twice, 60, now=moment(today))
    covered = {day + n for day, number, _ in exports for n in range(number)}
    for day, state in enumerate(found, 1):
        assert (state in ("published", "empty")) == (day in covered)
        if state in ("missing", "late", "expiring", "lost"):
            assert moment(day + 1, 2) <= moment(today)
