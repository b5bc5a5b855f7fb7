from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_convexport.cli.coverage import read_coverage
from airflow_provider_convexport.cli.report import coverage_text, coverage_values
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.window import Window
from tests.support.runs import START, Piece, Run, at, day
from tests.support.samples import APRIL_1, DAY, HOUR
from tests.support.stores import local_store


@pytest.fixture
def store(tmp_path):
    return local_store(tmp_path)


def test_nothing_is_published_in_an_empty_folder(store):
    assert read_coverage(store) == []
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


def test_what_had_expired_when_it_was_exported_is_not_covered(store):
    Piece(store, day(1, 2), ("a", at(2)), kept_from=APRIL_1 + DAY + 6 * HOUR)

    (dataset,) = read_coverage(store)

    assert dataset.windows == [Window(APRIL_1 + DAY + 6 * HOUR, APRIL_1 + 2 * DAY)]
    assert "No longer kept by the vendor when exported: 2026-04-01T00:00:00Z..2026-04-02T06:00:00Z." in (
        coverage_text([dataset], store.url)
    )


def test_bots_are_datasets_of_their_own_and_so_are_folders(store):
    for bot in ("one", "two"):
        Piece(store, day(1), scope={"bot": bot})
    Piece(replace(store, root=f"{store.root}/deeper"), day(1), scope={"bot": "one"})

    found = read_coverage(store)

    assert [dataset.folder for dataset in found] == ["bot=one", "bot=two", "deeper/bot=one"]
    assert "bot=two: acme conversations by created, bot=two\n" in coverage_text(found, store.url)


def test_what_is_being_staged_is_not_published(store):
    Run(store, ("a", START))
    store.put("_staging/x/_manifest.json", b"{}")

    assert read_coverage(store) == []


def test_something_else_under_a_manifests_name_is_an_error_that_names_it(store):
    store.put("dt=2026-04-01/_manifest.json", b"{}")

    with pytest.raises(ConfigurationError, match=r"dt=2026-04-01/_manifest.json is not a manifest"):
        read_coverage(store)
