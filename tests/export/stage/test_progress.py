from __future__ import annotations

import logging

import pytest

from airflow_provider_convexport.export.fetch.usage import Usage
from airflow_provider_convexport.export.stage.progress import Progress, Reporter


def progress(**changes) -> Progress:
    given = {
        "records": 1_500,
        "usage": Usage(requests=4, pages=3, throttled_seconds=1.4),
        "share": 0.25,
        "seconds": 10.0,
    }
    return Progress(**{**given, **changes})


def test_a_quarter_done_in_ten_seconds_leaves_thirty():
    assert progress().seconds_left == pytest.approx(30)


def test_what_earlier_tries_did_does_not_count_for_the_estimate():
    assert progress(share=0.75, share_at_start=0.5).seconds_left == pytest.approx(10)


def test_nothing_is_estimated_before_anything_is_done():
    assert progress(share=0.0).seconds_left is None
    assert "estimated_end" not in progress(share=0.0).facts(now=0)


def test_the_line_names_records_pages_share_rate_waiting_and_time_left():
    assert str(progress()) == (
        "1500 records, 3 pages, 25% of the interval, 0.40 requests a second, "
        "1 s waited for the vendor's limits, time left 0:00:30"
    )


def test_the_facts_are_json_with_an_end_in_utc():
    assert progress().facts(now=0) == {
        "records": 1_500,
        "pages": 3,
        "share": 0.25,
        "estimated_end": "1970-01-01T00:00:30+00:00",
    }


def test_reports_come_at_most_every_so_often_and_reach_the_log_and_the_caller(caplog):
    caplog.set_level(logging.INFO)
    seconds = iter([0.0, 5.0, 15.0, 15.0, 16.0]).__next__
    shown: list[Progress] = []
    reporter = Reporter(show=shown.append, every=15.0, clock=seconds)

    assert not reporter.is_due
    assert reporter.is_due
    reporter.report(progress())
    assert not reporter.is_due

    assert shown == [progress()]
    assert "25% of the interval" in caplog.text
