from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_convexport.cli.words import (
    all_bounds,
    bounds,
    calendar,
    counted,
    list_of,
    named_values,
    rates,
)
from airflow_provider_convexport.export.fetch.limit import Limit
from tests.support.runs import day
from tests.support.samples import DAY


def test_nouns_are_singular_for_one_only():
    assert [counted(number, "record") for number in (0, 1, 2)] == ["0 records", "1 record", "2 records"]


def test_windows_are_listed_with_commas():
    assert list_of([day(1), day(3)]) == (
        "2026-04-01T00:00:00Z..2026-04-02T00:00:00Z, 2026-04-03T00:00:00Z..2026-04-04T00:00:00Z"
    )
    assert list_of([]) == "nothing"


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ([], ""),
        ([Limit(60, timedelta(minutes=1))], "60 per minute"),
        ([Limit(3, timedelta(seconds=1), per_endpoint=True)], "3 per second per endpoint"),
        ([Limit(5, timedelta(seconds=10)), Limit(15_000, DAY)], "5 per 10 seconds, 15,000 per day"),
        ([Limit(5, timedelta(minutes=90))], "5 per 1 hour 30 minutes"),
    ],
)
def test_rate_limits_are_written_in_words(limits, words):
    assert rates(limits) == words


def test_named_values_follow_a_comma():
    assert named_values({"bot": "one", "lang": "en"}) == ", bot=one, lang=en"
    assert named_values({}) == ""


def test_windows_are_pairs_of_texts_in_json():
    assert bounds(day(1)) == ["2026-04-01T00:00:00Z", "2026-04-02T00:00:00Z"]
    assert all_bounds([day(1), day(3)]) == [bounds(day(1)), bounds(day(3))]


def test_a_calendar_has_a_line_for_each_month():
    days = [(date(2026, 1, 30) + number * DAY, str(number)) for number in range(4)]

    assert list(calendar(days)) == [
        "         1234567890123456789012345678901",
        "2026-01                               01",
        "2026-02  23",
    ]


@given(start=st.dates(date(1990, 1, 1), date(2050, 1, 1)), count=st.integers(1, 100))
def test_each_day_stands_below_its_last_digit(start, count):
    days = [start + number * DAY for number in range(count)]

    ruler, *months = calendar((day, "#") for day in days)

    found = [
        f"{line[:7]}-{column - 8:02}"
        for line in months
        for column, mark in enumerate(line)
        if column > 8 and mark == "#"
    ]
    assert found == [f"{day:%Y-%m-%d}" for day in days]
    assert all(ruler[8 + number] == str(number % 10) for number in range(1, 32))
