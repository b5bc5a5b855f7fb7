from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_convexport.cli.coverage import read_coverage
from airflow_provider_convexport.cli.status import coverage_text
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
