from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_convexport.errors import IncompleteExportError
from airflow_provider_convexport.export.fetch.budget import Budget
from airflow_provider_convexport.export.fetch.client import Client
from airflow_provider_convexport.export.fetch.pages import paginate
from airflow_provider_convexport.export.fetch.pagination import Cursor, NextLink, PageNumber
from airflow_provider_convexport.export.fetch.request import PageRequest
from airflow_provider_convexport.export.fetch.stream import Query
from tests.support.fake_vendor import FakeVendor
from tests.support.samples import APRIL_1, days, stream

LINK = NextLink(("next",))
FLAGGED_LINK = NextLink(("next",), end_flag=("end",))
CURSOR = Cursor(("cursor",), parameter="after")
POSTED_CURSOR = Cursor(("cursor",), parameter="after", method="POST")
FLAGGED_CURSOR = Cursor(("cursor",), parameter="after", end_flag=("end",))
NUMBER = PageNumber("page", "size")
NUMBER_FROM_0 = PageNumber("page", "size", first=0)
POSTED_NUMBER = PageNumber("page", "size", method="POST")
KINDS = {
    "link": LINK,
    "link with a flag": FLAGGED_LINK,
    "cursor": CURSOR,
    "cursor in a body": POSTED_CURSOR,
    "cursor with a flag": FLAGGED_CURSOR,
    "number": NUMBER,
    "number from 0": NUMBER_FROM_0,
    "number in a body": POSTED_NUMBER,
}
EVERY_KIND = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


class Answers(Client):
    """A client that gets the given answers one after another, then the last one again and again."""

    def __init__(self, *answers):
        super().__init__("Acme", "https://acme.example", lambda: None, Budget("acme", ()))
        self.answers = list(answers)
        self.requests = []

    def fetch(self, request, decode):
        self.requests.append(request)
        assert len(self.requests) < 50, "this never ends"
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return decode(json.dumps(answer).encode())


def answers_to(kind, *answers, params=None):
    """Return every request that these answers bring about, and the ids that they hold."""
    client = Answers(*answers)
    start = PageRequest.of("/export", params or {"size": "2", "blank": ""}, method=kind.method)
    fetched = list(paginate(client, Query(stream(pagination=kind)), start=start))
    assert [each.next_request for each in fetched] == [*client.requests[1:], None]
    return client.requests, [identity for each in fetched for identity in each.page.ids]


def rows(*ids, **beside):
    return {"list": [{"id": identity} for identity in ids], **beside}


def got(query_, host="https://acme.example"):
    return PageRequest(f"{host}/export?{query_}")


def posted(body):
    return PageRequest("https://acme.example/export", body)


class TestNextLink:
    @pytest.mark.parametrize("link", ["https://acme.example/export?position=2", "/export?position=2"])
    def test_a_link_is_followed_with_or_without_its_host(self, link):
        requests, ids = answers_to(LINK, rows("a", next=link), rows("b", next=None))

        assert requests == [got("size=2&blank="), got("position=2")]
        assert ids == ["a", "b"]

    def test_a_link_is_relative_to_the_page_that_held_it(self):
        first = rows("a", next="more/?position=2")
        requests, _ = answers_to(LINK, first, rows("b", next="?position=3"), rows("c"))

        assert [request.url for request in requests[1:]] == [
            "https://acme.example/more/?position=2",
            "https://acme.example/more/?position=3",
        ]

    def test_a_link_may_be_completed_by_the_vendors_own_rule(self):
        kind = NextLink(("next",), complete=lambda page, request: f"/export?{page.link}&size=2")

        requests, _ = answers_to(kind, rows("a", next="position=2"), rows("b"))

        assert requests[1] == got("position=2&size=2")

    @pytest.mark.parametrize("link", [None, ""])
    def test_a_flag_that_is_false_without_a_link_is_an_error_since_stopping_would_lose_records(self, link):
        with pytest.raises(
            IncompleteExportError, match="says that another page follows but sent no link to it"
        ):
            answers_to(FLAGGED_LINK, rows("a", next=link, end=False))

    def test_with_a_flag_the_link_of_the_last_page_is_not_followed(self):
        requests, ids = answers_to(
            FLAGGED_LINK,
            rows("a", next="/export?position=1", end=False),
            rows("b", next="/export?position=2", end=False),
            rows("c", next="/export?position=3", end=True),
        )

        assert requests == [got("size=2&blank="), got("position=1"), got("position=2")]
        assert ids == ["a", "b", "c"]

    def test_a_last_page_may_link_to_itself(self):
        _, ids = answers_to(
            FLAGGED_LINK,
            rows("a", next="/export?position=1", end=False),
            rows("b", next="/export?position=1", end=True),
        )

        assert ids == ["a", "b"]

    @pytest.mark.parametrize("flag", [{}, {"end": None}, {"end": "true"}, {"end": 1}])
    def test_an_answer_without_its_flag_is_not_the_end(self, flag):
        with pytest.raises(IncompleteExportError, match="answered without 'end' as true or false"):
            answers_to(FLAGGED_LINK, rows("a", next="/export?position=1", **flag))


class TestCursor:
    def test_a_cursor_is_added_to_the_query_and_replaced_there(self):
        first, second, third = rows("a", cursor="x="), rows("b", cursor="y&z"), rows("c", cursor=None)
        requests, ids = answers_to(CURSOR, first, second, third)

        assert requests == [
            got("size=2&blank="),
            got("size=2&blank=&after=x%3D"),
            got("size=2&blank=&after=y%26z"),
        ]
        assert ids == ["a", "b", "c"]

    def test_a_cursor_in_a_body_leaves_all_else_unchanged(self):
        first, second, third = rows("a", cursor="x="), rows("b", cursor="y&z"), rows("c", cursor="")
        requests, ids = answers_to(POSTED_CURSOR, first, second, third)

        assert requests == [
            posted('{"size":"2","blank":""}'),
            posted('{"size":"2","blank":"","after":"x="}'),
            posted('{"size":"2","blank":"","after":"y&z"}'),
        ]
        assert ids == ["a", "b", "c"]

    def test_a_cursor_that_is_a_number_is_sent_as_text(self):
        requests, _ = answers_to(POSTED_CURSOR, rows("a", cursor=7), rows("b"))

        assert requests[1] == posted('{"size":"2","blank":"","after":"7"}')

    def test_with_a_flag_the_cursor_of_the_last_page_is_not_sent(self):
        first, second = rows("a", cursor="1", end=False), rows("b", cursor="2", end=True)
        requests, ids = answers_to(FLAGGED_CURSOR, first, second)

        assert requests == [got("size=2&blank="), got("size=2&blank=&after=1")]
        assert ids == ["a", "b"]


class TestPageNumber:
    def test_a_short_page_is_the_last(self):
        requests, ids = answers_to(NUMBER, rows("a"))

        assert (requests, ids) == ([got("size=2&blank=")], ["a"])

    def test_an_empty_page_is_the_last(self):
        requests, ids = answers_to(NUMBER, rows())

        assert (requests, ids) == ([got("size=2&blank=")], [])

    def test_after_full_pages_comes_the_next_number(self):
        requests, ids = answers_to(NUMBER, rows("a", "b"), rows("c", "d"), rows("e"))

        assert requests == [got("size=2&blank="), got("size=2&blank=&page=2"), got("size=2&blank=&page=3")]
        assert ids == ["a", "b", "c", "d", "e"]

    def test_an_exact_multiple_is_followed_by_an_empty_page(self):
        requests, ids = answers_to(NUMBER, rows("a", "b"), rows())

        assert requests == [got("size=2&blank="), got("size=2&blank=&page=2")]
        assert ids == ["a", "b"]

    def test_a_page_with_more_than_was_asked_for_is_not_the_last(self):
        requests, ids = answers_to(NUMBER, rows("a", "b", "c"), rows())

        assert (len(requests), ids) == (2, ["a", "b", "c"])

    def test_numbers_may_begin_at_0(self):
        requests, _ = answers_to(NUMBER_FROM_0, rows("a", "b"), rows("c", "d"), rows())

        assert requests == [got("size=2&blank="), got("size=2&blank=&page=1"), got("size=2&blank=&page=2")]

    def test_a_first_number_that_is_sent_is_counted_from(self):
        requests, _ = answers_to(NUMBER, rows("a", "b"), rows(), params={"size": "2", "page": "5"})

        assert requests == [got("size=2&page=5"), got("size=2&page=6")]

    def test_a_number_in_a_body_leaves_all_else_unchanged(self):
        requests, _ = answers_to(POSTED_NUMBER, rows("a", "b"), rows("c"))

        assert requests == [posted('{"size":"2","blank":""}'), posted('{"size":"2","blank":"","page":"2"}')]

    def test_a_link_that_nobody_asked_for_is_not_looked_at(self):
        requests, _ = answers_to(NUMBER, rows("a", next="/export?page=2", end=False))

        assert len(requests) == 1


LOOP = (
    "Acme /export sent a next link that does not advance: it was already followed. Going on would loop, "
    "stopping would lose records; so nothing was published. If many records share one instant, a larger "
    "page_size helps."
)


@pytest.mark.parametrize(
    ("kind", "answers", "asked"),
    [
        (LINK, [rows("a", next="/export?size=2&blank=")], 1),
        (LINK, [rows("a", next="/export?x=1"), rows("b", next="/export?x=2"), rows("c", next="?x=1")], 3),
        (FLAGGED_LINK, [rows("a", next="/export?x=1", end=False)], 2),
        (CURSOR, [rows("a", cursor="x")], 2),
        (CURSOR, [rows("a", cursor="x"), rows("b", cursor="y"), rows("c", cursor="x")], 3),
        (FLAGGED_CURSOR, [rows("a", cursor="x", end=False)], 2),
        (POSTED_CURSOR, [rows("a", cursor="x")], 2),
        (POSTED_CURSOR, [rows("a", cursor="x"), rows("b", cursor="y"), rows("c", cursor="x")], 3),
    ],
)
def test_pages_that_lead_in_a_circle_are_an_error(kind, answers, asked):
    client = Answers(*answers)
    start = PageRequest.of("/export", {"size": "2", "blank": ""}, method=kind.method)

    with pytest.raises(IncompleteExportError) as caught:
        list(paginate(client, Query(stream(pagination=kind)), start=start))

    assert str(caught.value) == LOOP
    assert len(client.requests) == asked


@EVERY_KIND
@given(size=st.integers(1, 7), count=st.integers(0, 30), is_relative=st.booleans())
def test_whatever_the_kind_all_records_come_once_and_the_pages_end(kind, size, count, is_relative):
    records = [(str(number), APRIL_1.timestamp() + number) for number in range(count)]
    vendor = FakeVendor(records, pagination=kind, is_relative=is_relative)
    asked = Query(stream(pagination=kind), page_size=size)

    fetched = list(paginate(vendor, asked, start=asked.first_request(days(1))))

    assert [identity for each in fetched for identity in each.page.ids] == [name for name, _ in records]
    needed = count // size + 1 if isinstance(kind, PageNumber) else max(-(-count // size), 1)
    assert len(vendor.requests) == needed
    assert {request.method for request in vendor.requests} == {kind.method}


@EVERY_KIND
@given(size=st.integers(1, 4), count=st.integers(0, 12), stop=st.integers(0, 12))
def test_whatever_the_kind_pages_can_be_continued_from_any_of_them(kind, size, count, stop):
    records = [(str(number), APRIL_1.timestamp() + number) for number in range(count)]
    asked = Query(stream(pagination=kind), page_size=size)
    vendor = FakeVendor(records, pagination=kind)
    ids, request = [], asked.first_request(days(1))
    for number, each in enumerate(paginate(vendor, asked, start=request)):
        ids += each.page.ids
        request = each.next_request
        if number == stop:
            break

    if request is not None:
        stored = request.relative_to(vendor.base_url)
        for each in paginate(FakeVendor(records, pagination=kind), asked, start=stored):
            ids += each.page.ids

    assert ids == [name for name, _ in records]


@pytest.mark.parametrize("kind", [NUMBER, POSTED_NUMBER])
def test_a_vendor_that_ignores_the_number_and_sends_a_full_page_for_ever_is_an_error(kind):
    with pytest.raises(IncompleteExportError):
        answers_to(kind, rows("a", "b"))


@EVERY_KIND
def test_a_kind_is_a_value(kind):
    assert replace(kind) == kind
    assert hash(replace(kind)) == hash(kind)
    with pytest.raises(AttributeError):
        kind.method = "GET"
