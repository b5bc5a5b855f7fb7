from __future__ import annotations

import pytest

from airflow_provider_convexport.tables.mapping import mappings_of
from airflow_provider_convexport.tables.schema import TABLES
from dev.tables_page import PAGE, page, tables
from tests.support.streams import STREAMS


def test_the_page_says_what_the_code_does():
    text = PAGE.read_text()

    assert page(text) == text, "Run python -m dev.tables_page."


def test_a_page_that_says_something_else_is_found():
    text = PAGE.read_text()

    assert page(text.replace("`startTime`", "`endTime`")) == text
    assert tables() in text


@pytest.mark.parametrize("vendor", sorted({case.vendor for case in STREAMS}))
def test_every_vendor_says_for_every_column_where_it_comes_from(vendor):
    filled = set()
    for by_table in mappings_of(vendor).values():
        for table, mapping in by_table.items():
            filled.add(table)
            assert list(mapping.sources) == [column.name for column in TABLES[table].mapped]
            assert all(source.words for source in mapping.sources.values())
            assert all((source.value is None) == (not source.paths) for source in mapping.sources.values())
    assert filled == set(TABLES)
