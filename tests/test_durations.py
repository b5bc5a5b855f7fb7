from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_convexport.durations import in_words


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(0), "0 seconds"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=20), "20 seconds"),
        (timedelta(milliseconds=500), "0.5 seconds"),
        (timedelta(microseconds=1), "0.000001 seconds"),
        (timedelta(seconds=59, microseconds=999_999), "59.999999 seconds"),
        (timedelta(seconds=100), "1 minute 40 seconds"),
        (timedelta(hours=2), "2 hours"),
        (timedelta(hours=24), "1 day"),
        (timedelta(days=59), "59 days"),
        (timedelta(days=7, seconds=1), "7 days 1 second"),
        (timedelta(days=1, hours=2, minutes=3, seconds=4.5), "1 day 2 hours 3 minutes 4.5 seconds"),
        (-timedelta(hours=1, minutes=30), "-1 hour 30 minutes"),
    ],
)
def test_lengths_of_time_are_written_as_people_write_them(length, words):
    assert in_words(length) == words


@given(st.timedeltas(timedelta(0), timedelta(days=10_000)))
def test_no_part_of_a_length_is_lost(length):
    parts = re.findall(r"([0-9.]+) (day|hour|minute|second)s?", in_words(length))

    seconds = sum((timedelta(**{f"{unit}s": float(count)}) for count, unit in parts), timedelta(0))
    assert seconds == length
