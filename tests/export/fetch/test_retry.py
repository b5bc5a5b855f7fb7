from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from airflow_provider_convexport.export.fetch.retry import RetryPolicy, is_transient, pause_asked

NOW = datetime(2026, 4, 1, tzinfo=UTC).timestamp()


def asked(status=429, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return pause_asked(CaseInsensitiveDict(named), status=status, now=NOW)


def http_date(seconds):
    return format_datetime(datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_some_statuses_may_pass(status):
    assert is_transient(status)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 409, 410, 413, 422, 451])
def test_others_are_for_good(status):
    assert not is_transient(status)


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_retry_after_counts_on_every_status(status):
    assert asked(status, Retry_After="7") == 7


@pytest.mark.parametrize(("value", "seconds"), [("30", 30), (" 30 ", 30), ("1.5", 1.5), ("86400", 86400)])
def test_retry_after_in_seconds(value, seconds):
    assert asked(Retry_After=value) == seconds


@pytest.mark.parametrize("seconds", [1, 45, 3600])
def test_retry_after_as_a_date(seconds):
    assert asked(Retry_After=http_date(seconds)) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "-5",
        "",
        "soon",
        "nan",
        "inf",
        "-inf",
        "1,5",
        "Mon, 99 Foo 2026 00:00:00 GMT",
        "Mon, 01 Jan 99999999999 00:00:00 GMT",
        "\x00",
    ],
)
def test_a_retry_after_that_cannot_be_read_is_none(value):
    assert asked(Retry_After=value) is None


@pytest.mark.parametrize("value", ["0", "0.0", http_date(0), http_date(-60)])
def test_a_wait_that_is_over_already_leaves_it_to_the_backoff(value):
    """Otherwise a server that keeps saying "now", or a clock that is ahead, uses up all tries at once."""
    assert asked(Retry_After=value) is None


def test_a_reset_in_epoch_seconds_counts_on_429():
    assert asked(X_RateLimit_Reset=str(int(NOW) + 20)) == 20


def test_a_reset_does_not_count_on_other_statuses():
    assert asked(503, X_RateLimit_Reset=str(int(NOW) + 20)) is None


def test_retry_after_wins_over_a_reset():
    assert asked(Retry_After="3", X_RateLimit_Reset=str(int(NOW) + 20)) == 3


def test_a_reset_counts_where_retry_after_cannot_be_read():
    assert asked(Retry_After="soon", X_RateLimit_Reset=str(int(NOW) + 20)) == 20


@pytest.mark.parametrize("value", ["", "soon", "-1", "nan", str(int(NOW)), str(int(NOW) - 5)])
def test_a_reset_that_says_nothing_is_none(value):
    assert asked(X_RateLimit_Reset=value) is None


def test_no_header_is_no_pause():
    assert asked() is None


@given(
    st.text(st.characters(codec="latin-1"))
    | st.floats().map(str)
    | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ \d+:\d+:\d+ [A-Z+\-\d]+")
)
def test_whatever_a_header_holds_the_pause_is_none_or_a_length_of_time(value):
    for pause in (asked(Retry_After=value), asked(X_RateLimit_Reset=value)):
        assert pause is None or (pause > 0 and timedelta(seconds=pause) <= timedelta(days=7))


@pytest.mark.parametrize("failures", range(1, 12))
def test_the_backoff_doubles_up_to_its_limit_with_jitter(failures):
    policy = RetryPolicy(base_delay=1.0, max_delay=64.0)
    full = min(2.0 ** (failures - 1), 64.0)

    waits = {policy.backoff(failures) for _ in range(20)}

    assert len(waits) > 1
    assert all(full / 2 <= wait <= full for wait in waits)


def test_all_backoffs_together_outlast_a_limit_per_minute():
    policy = RetryPolicy()

    assert sum(policy.backoff(failures) for failures in range(1, policy.max_tries)) > 60
