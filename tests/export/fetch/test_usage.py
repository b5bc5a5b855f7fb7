from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_convexport.export.fetch.usage import Usage

NONE = Usage()
SECONDS = st.integers(0, 10**9).map(lambda quarters: quarters / 4)  # exact, so that order cannot matter
USAGES = st.builds(Usage, st.integers(0), st.integers(0), SECONDS, SECONDS)


def test_two_usages_add_up():
    assert Usage(1, 2, 0.5, 60.0) + Usage(10, 20, 0.25, 30.0) == Usage(11, 22, 0.75, 90.0)


@pytest.mark.parametrize("name", Usage.__struct_fields__)
def test_every_field_adds_up(name):
    """A field that was forgotten would be lost at the first retry."""
    assert Usage(**{name: 2}) + Usage(**{name: 3}) == Usage(**{name: 5})


def test_nothing_was_used_at_the_beginning():
    assert Usage(requests=0, pages=0, throttled_seconds=0.0, paused_seconds=0.0) == NONE


@given(USAGES)
def test_nothing_more_changes_nothing(usage):
    assert usage + NONE == NONE + usage == usage


@given(USAGES, USAGES, USAGES)
def test_it_does_not_matter_how_tries_are_added_up(one, two, three):
    assert (one + two) + three == one + (two + three)
    assert one + two == two + one


@given(USAGES)
def test_a_usage_survives_json(usage):
    assert msgspec.json.decode(msgspec.json.encode(usage), type=Usage) == usage
