from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.fetch.page import PageFormat
from airflow_provider_convexport.export.fetch.pagination import Cursor, NextLink
from airflow_provider_convexport.export.fetch.request import PageRequest
from airflow_provider_convexport.export.fetch.stream import Query
from airflow_provider_convexport.export.window import Window
from tests.support.samples import APRIL_1, DAY, HOUR, days, query, stream

SECOND = timedelta(seconds=1)


def refusal(**arguments):
    with pytest.raises(ConfigurationError) as caught:
        query(**arguments)
    return str(caught.value)


class TestStream:
    def test_an_endpoint_is_named_by_vendor_and_path(self):
        assert stream().endpoint == "Acme /export"

    def test_the_first_time_field_is_the_default(self):
        assert stream().default_window_on == "created"
        assert stream(time_fields={"updated": "u", "created": "c"}).default_window_on == "updated"


class TestWindowOn:
    def test_left_out_it_is_the_streams_default(self):
        assert query().window_on == "created"
        assert query(window_on="").window_on == "created"

    def test_each_of_the_streams_times_is_taken(self):
        assert query(window_on="updated").window_on == "updated"

    def test_another_one_is_refused(self):
        assert refusal(window_on="closed") == (
            "window_on='closed' does not exist for Acme conversations; use one of ['created', 'updated']."
        )


class TestFilters:
    def test_a_filter_of_the_stream_is_taken(self):
        assert query(filters={"agent": "a"}).filters == {"agent": "a"}

    def test_others_are_refused_all_at_once(self):
        assert refusal(filters={"size": "1", "agent": "a", "bot": "b"}) == (
            "filters ['bot', 'size'] do not exist for Acme conversations; allowed: ['agent']."
        )

    def test_a_stream_may_have_none(self):
        with pytest.raises(ConfigurationError) as caught:
            Query(stream(filters=frozenset()), filters={"agent": "a"})
        assert str(caught.value) == ("filters ['agent'] do not exist for Acme conversations; allowed: none.")


class TestPageSize:
    @pytest.mark.parametrize("size", [None, 1, 10, 100])
    def test_sizes_within_the_vendors_bounds_are_taken(self, size):
        assert query(page_size=size).page_size == size

    @pytest.mark.parametrize("size", [-1, 0, 101])
    def test_others_are_refused(self, size):
        sentence = (
            f"page_size={size} is not accepted by Acme; use a whole number from 1 to 100, "
            "or leave it out to use 10."
        )
        with pytest.raises(ConfigurationError, match=f"^{re.escape(sentence)}$"):
            query(page_size=size)


class TestRequestWindow:
    @pytest.mark.parametrize("length", [None, SECOND, HOUR, 30 * DAY])
    def test_lengths_within_the_vendors_bounds_are_taken(self, length):
        assert query(request_window=length).request_window == length

    @pytest.mark.parametrize("length", [timedelta(0), -DAY, SECOND / 2, 3600, "1 day"])
    def test_what_is_no_span_is_refused(self, length):
        assert refusal(request_window=length) == (
            f"request_window={length!r} is not a timedelta of one second or more; "
            "leave it out to use 30 days."
        )

    def test_a_longer_one_than_the_vendor_takes_is_refused(self):
        assert refusal(request_window=30 * DAY + SECOND) == (
            "request_window=30 days 1 second is not accepted by Acme; use at most 30 days, "
            "or leave it out to use 30 days."
        )

    def test_a_vendor_without_a_longest_window_takes_any(self):
        assert Query(stream(max_window=None), request_window=999 * DAY).request_window == 999 * DAY


class TestWindows:
    def test_a_short_interval_is_asked_for_at_once(self):
        assert list(query().windows(days(30))) == [days(30)]

    def test_a_long_interval_is_cut_to_the_streams_best(self):
        assert list(query().windows(days(61))) == [
            days(30),
            days(30, start=APRIL_1 + 30 * DAY),
            days(1, start=APRIL_1 + 60 * DAY),
        ]

    def test_the_dags_length_wins(self):
        assert list(query(request_window=DAY).windows(days(2))) == [days(1), days(1, start=APRIL_1 + DAY)]

    @given(st.integers(1, 400), st.integers(1, 30 * 24))
    def test_windows_are_the_interval_without_gap_or_overlap(self, length, hours):
        windows = list(query(request_window=hours * HOUR).windows(days(length)))

        assert windows[0].start == days(length).start
        assert windows[-1].end == days(length).end
        assert all(one.end == two.start for one, two in pairwise(windows))
        assert {one.length for one in windows[:-1]} <= {hours * HOUR}


class TestFirstRequest:
    EVERYTHING = {"scope_params": {"bot": "b 1"}, "filters": {"agent": "a,b"}}  # noqa: RUF012
    SENT = (
        ("created_from", "2026-03-31T23:59:59Z"),
        ("created_to", "2026-04-02T00:00:01Z"),
        ("bot", "b 1"),
        ("size", "10"),
        ("agent", "a,b"),
    )

    def test_it_reaches_a_second_over_both_ends(self):
        assert query().first_request(days(1)) == PageRequest(
            "/export?created_from=2026-03-31T23%3A59%3A59Z&created_to=2026-04-02T00%3A00%3A01Z&size=10"
        )

    def test_a_get_has_everything_in_its_query(self):
        request = query(**self.EVERYTHING).first_request(days(1))

        assert (request.method, urlsplit(request.url).path) == ("GET", "/export")
        assert parse_qsl(urlsplit(request.url).query) == list(self.SENT)

    def test_a_post_has_everything_in_its_body(self):
        posting = stream(pagination=Cursor(("cursor",), "cursor", method="POST"))
        request = Query(posting, **self.EVERYTHING).first_request(days(1))

        assert (request.method, request.url) == ("POST", "/export")
        assert list(json.loads(request.body).items()) == list(self.SENT)

    def test_the_dags_page_size_is_sent(self):
        assert query(page_size=7).first_request(days(1)).parameter("size") == "7"

    def test_the_window_is_asked_for_by_the_chosen_time(self):
        request = query(window_on="updated").first_request(days(1))

        assert request.parameter("updated_from") == "2026-03-31T23:59:59Z"
        assert request.parameter("created_from") is None

    def test_a_stream_may_reach_farther_or_not_at_all(self):
        farther = Query(stream(reach=HOUR)).first_request(days(1))
        exact = Query(stream(reach=timedelta(0))).first_request(days(1))

        assert farther.parameter("created_from") == "2026-03-31T23:00:00Z"
        assert farther.parameter("created_to") == "2026-04-02T01:00:00Z"
        assert exact.parameter("created_from") == "2026-04-01T00:00:00Z"
        assert exact.parameter("created_to") == "2026-04-02T00:00:00Z"

    def test_fractions_of_a_second_are_covered_by_whole_seconds(self):
        window = Window(
            datetime(2026, 4, 1, 0, 0, 5, 250_000, tzinfo=UTC), datetime(2026, 4, 1, 0, 0, 9, 1, tzinfo=UTC)
        )
        request = query().first_request(window)

        assert request.parameter("created_from") == "2026-04-01T00:00:04Z"
        assert request.parameter("created_to") == "2026-04-01T00:00:11Z"


def test_a_page_is_read_as_stream_and_query_say():
    asked = Query(
        stream(pagination=NextLink(("meta", "next"), end_flag=("meta", "end"))), window_on="updated"
    )

    assert asked.page_format == PageFormat(
        endpoint="Acme /export",
        list_keys=("list",),
        link=("meta", "next"),
        end_flag=("meta", "end"),
        id_field="id",
        time_field="changed_at",
    )
