from __future__ import annotations

import pytest

from airflow_provider_convexport.audit.entries import Entry, Shape
from airflow_provider_convexport.audit.findings import CheckResult, Findings
from airflow_provider_convexport.audit.ground import Ground, covering
from airflow_provider_convexport.audit.subject import Subject, check_content, check_volume
from airflow_provider_convexport.export.dataset.manifest import Span
from airflow_provider_convexport.export.dataset.reader import PublishedPartition, partitions_in
from tests.support.manifests import manifest_of
from tests.support.runs import Piece, at, day
from tests.support.samples import APRIL_1, DAY, query
from tests.support.stores import local_store

SHAPE = Shape("id", "at")


def published(store, *counts):
    """Publish a day of so many records after the other."""
    for number, count in enumerate(counts, 1):
        Piece(store, day(number), *[(f"{number}-{each}", at(number)) for each in range(count)])
    return list(partitions_in(store))


def described(store, *counts, step=7):
    """Return partitions as manifests describe them, every ``step`` days, with so many records each."""
    days = [day(1 + number * step) for number in range(len(counts))]
    return [
        PublishedPartition(
            store, f"dt={each.start:%Y-%m-%d}", manifest_of(partition=Span.of(each), records=count)
        )
        for each, count in zip(days, counts, strict=True)
    ]


def volume_of(partitions):
    findings = Findings()
    ground = Ground(None, partitions, APRIL_1 + 300 * DAY)
    check_volume(ground, Subject(partitions[-1], query(), SHAPE, {}, {}), findings)
    return findings


@pytest.mark.parametrize(
    ("last", "warns"), [(30, True), (50, False), (100, False), (200, False), (240, True)]
)
def test_a_volume_that_is_unusual_for_its_weekday_is_a_warning(last, warns, tmp_path):
    findings = volume_of(described(local_store(tmp_path), 90, 100, 110, last))

    assert findings.checks == {"volume": CheckResult(checked=3)}
    assert findings.count("late", "missing") == 0
    assert [f"has {last} records; the median" in each for each in findings.warnings] == [True] * warns


def test_a_small_difference_is_not_unusual_whatever_its_share(tmp_path):
    assert volume_of(described(local_store(tmp_path), 1, 2, 3, 20)).warnings == []


def test_two_weeks_are_too_few_for_a_median(tmp_path):
    assert volume_of(described(local_store(tmp_path), 100, 100, 1)).checks == {}


def test_other_weekdays_do_not_count(tmp_path):
    assert volume_of(described(local_store(tmp_path), 100, 100, 100, 1, step=1)).checks == {}


def entry(text, moment=1.0):
    return Entry(moment, text.encode(), ())


@pytest.mark.parametrize(("window_on", "gone"), [("created", "deleted"), ("updated", "changed")])
def test_records_on_one_side_only_are_told_apart(window_on, gone, tmp_path):
    (partition,) = published(local_store(tmp_path), 1)
    ours = {"same": entry("a"), "other": entry("b"), "gone": entry("c"), "undated": entry("d", None)}
    theirs = {"same": entry("a"), "other": entry("B"), "new": entry("e"), "nowhen": entry("f", None)}
    findings = Findings()

    check_content(Subject(partition, query(window_on=window_on), SHAPE, ours, theirs), findings)

    both = {gone: 1, "late": 1, "unknown": 2}
    both["changed"] = both.get("changed", 0) + 1
    assert findings.checks == {"content": CheckResult(checked=4, **both)}


def test_a_record_that_two_checks_find_is_one_gap():
    findings = Findings()
    for check in ("content", "edges"):
        findings.begin(check, 5)
        findings.note(check, "a", "late")

    assert findings.count("late", "missing") == 1


def test_a_span_is_covered_only_without_a_hole(tmp_path):
    partitions = published(local_store(tmp_path), 1, 1) + published(local_store(tmp_path / "x"), 1)
    second = at(2, 0)

    assert covering(partitions[:2], second - 9, second + 9) == (partitions[:2], True)
    assert covering(partitions[1:2], second - 9, second + 9) == (partitions[1:2], False)
    assert covering(partitions[:2], second + 9, second + 90_000) == (partitions[1:2], False)


def test_lone_surrogates_and_numbers_as_ids_are_read():
    shape = Shape("id", "at", ("id", "text"))

    found = shape.entries([b'{"id":5,"at":7,"text":"\\ud800"}', b'{"at":1}', b'{"id":true}'])

    assert list(found) == ["5"]
    assert shape.facts_of(found["5"]) == {"id": 5, "text": "\ud800"}
