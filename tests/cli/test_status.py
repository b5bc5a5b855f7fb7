from __future__ import annotations

from datetime import date

import pytest

from airflow_provider_convexport.cli.coverage import read_coverage
from airflow_provider_convexport.cli.status import LEGEND, coverage_text, coverage_values, day_marks
from airflow_provider_convexport.export.window import Window
from tests.support.runs import Piece, at, day
from tests.support.samples import APRIL_1, DAY, HOUR
from tests.support.stores import local_store


@pytest.fixture
def store(tmp_path):
    return local_store(tmp_path)


def test_nothing_is_published_in_an_empty_folder(store):
    assert coverage_text([], store.url) == f"Nothing is published under {store.url}."


def test_a_calendar_shows_days_with_and_without_records_and_missing_ones(store):
    Piece(store, day(1, 2), ("a", at(1)), ("b", at(1)))
    Piece(store, day(29, 3), ("c", at(30)), ("d", at(31)))

    (dataset,) = read_coverage(store)
    text = coverage_text([dataset], store.url).splitlines()

    assert text[0] == "acme conversations by created"
    assert text[2:5] == [
        "         1234567890123456789012345678901",
        "2026-04  #.--------------------------.#",
        "2026-05  #",
    ]
    assert text[6] == (
        f"5 partitions, 2026-04-01T00:00:00Z..2026-05-02T00:00:00Z, with 4 records in {dataset.bytes} bytes."
    )
    assert text[7] == (
        "Not published: 2026-04-03T00:00:00Z..2026-04-29T00:00:00Z. No records: "
        "2026-04-02T00:00:00Z..2026-04-03T00:00:00Z, 2026-04-29T00:00:00Z..2026-04-30T00:00:00Z."
    )
    assert text[-1].startswith("#  records")


def test_days_published_twice_or_in_part_are_marked(store):
    Piece(store, day(1, 3), ("a", at(1)))
    Piece(store, Window(APRIL_1 + 2 * DAY + HOUR, APRIL_1 + 3 * DAY), partition_by="interval")
    Piece(store, Window(APRIL_1 + 4 * DAY, APRIL_1 + 4 * DAY + HOUR), ("b", at(5, 0)), partition_by="hour")

    (dataset,) = read_coverage(store)
    text = coverage_text([dataset], store.url)

    assert "2026-04  #.!-~\n" in text
    assert "Published more than once: 2026-04-03T01:00:00Z..2026-04-04T00:00:00Z." in text


def test_values_for_programs_say_the_same(store):
    Piece(store, day(1), ("a", at(1)))
    Piece(store, day(3))

    (values,) = coverage_values(read_coverage(store))

    assert values == {
        "folder": "",
        "vendor": "acme",
        "stream": "conversations",
        "scope": {},
        "filters": {},
        "window_on": "created",
        "span": ["2026-04-01T00:00:00Z", "2026-04-04T00:00:00Z"],
        "partitions": 2,
        "records": 1,
        "bytes": values["bytes"],
        "gaps": [["2026-04-02T00:00:00Z", "2026-04-03T00:00:00Z"]],
        "empty": [["2026-04-03T00:00:00Z", "2026-04-04T00:00:00Z"]],
        "overlaps": [],
        "expired": [],
        "days": {"2026-04-01": "#", "2026-04-02": "-", "2026-04-03": "."},
    }


def test_one_partition_one_record_and_many_bytes_are_counted_in_proper_english(store):
    Piece(store, day(1), ("a", at(1)))

    (dataset,) = read_coverage(store)

    sentence = f"1 partition, {dataset.span}, with 1 record in {dataset.bytes} bytes."
    assert sentence in coverage_text([dataset], store.url).splitlines()


def test_every_utc_day_that_a_dataset_touches_has_one_mark_of_the_legend(store):
    Piece(store, Window(APRIL_1 + 23 * HOUR, APRIL_1 + 4 * DAY + HOUR), partition_by="interval")

    (dataset,) = read_coverage(store)
    marks = list(day_marks(dataset))

    assert [marked for marked, _ in marks] == [date(2026, 4, number) for number in range(1, 6)]
    assert "".join(mark for _, mark in marks) == "~...~"
    assert all(f"{mark}  " in LEGEND for _, mark in marks)
