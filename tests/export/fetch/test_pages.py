from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from airflow_provider_convexport.errors import IncompleteExportError
from airflow_provider_convexport.export.fetch.budget import Budget
from airflow_provider_convexport.export.fetch.client import Client
from airflow_provider_convexport.export.fetch.pages import paginate
from airflow_provider_convexport.export.fetch.pagination import NextLink
from airflow_provider_convexport.export.fetch.request import PageRequest
from airflow_provider_convexport.export.fetch.stream import Query
from tests.support.samples import query, stream

FIRST = PageRequest("/export?page=A")


class Pages(Client):
    """A client whose answers are a table: page name to (ids, next)."""

    def __init__(self, **pages):
        super().__init__("Acme", "https://acme.example", lambda: None, Budget("acme", ()))
        self.pages = pages
        self.asked = []

    def fetch(self, request, decode):
        name = parse_qs(urlsplit(request.url).query)["page"][0]
        self.asked.append(name)
        ids, link = self.pages[name]
        answer = {"list": [{"id": one} for one in ids]}
        if link is not ...:
            answer["next"] = link and f"/export?page={link}"
        return decode(json.dumps(answer).encode())


def ids_of(pages, start="/export?page=A"):
    return [one for step in paginate(pages, query(), start=PageRequest(start)) for one in step.page.ids]


@pytest.mark.parametrize("end", [None, "", ...])
def test_a_walk_ends_where_the_link_is_null_empty_or_missing(end):
    assert ids_of(Pages(A=(["1"], "B"), B=(["2"], end))) == ["1", "2"]


def test_an_empty_page_in_the_middle_is_not_the_end():
    assert ids_of(Pages(A=(["1"], "B"), B=([], "C"), C=([], "D"), D=(["2"], None))) == ["1", "2"]


def test_each_step_says_how_to_go_on():
    steps = list(paginate(Pages(A=([], "B"), B=([], None)), query(), start=FIRST))

    assert [step.next_request for step in steps] == [PageRequest("https://acme.example/export?page=B"), None]


def test_a_walk_can_go_on_from_a_later_page():
    assert ids_of(Pages(B=(["2"], None)), start="https://acme.example/export?page=B") == ["2"]


@pytest.mark.parametrize(
    "pages", [Pages(A=(["1"], "A")), Pages(A=(["1"], "B"), B=(["2"], "A"))], ids=["A-A", "A-B-A"]
)
def test_a_link_that_was_followed_already_is_an_error_that_says_so(pages):
    with pytest.raises(IncompleteExportError, match="Acme /export sent a next link that does not advance"):
        ids_of(pages)
    assert len(pages.asked) == len(pages.pages)


def test_pages_come_lazily():
    pages = Pages(A=(["1"], "B"), B=(["2"], None))

    steps = paginate(pages, query(), start=FIRST)
    assert pages.asked == []
    next(steps)
    assert pages.asked == ["A"]


def test_a_foreign_next_link_stops_the_walk():
    foreign = Query(
        stream(pagination=NextLink(("next",), complete=lambda page, request: "https://evil.example/x"))
    )

    with pytest.raises(IncompleteExportError, match=r"leads away from https://acme.example"):
        list(paginate(Pages(A=(["1"], "B")), foreign, start=FIRST))


@pytest.mark.parametrize("period", [1, 3])
def test_links_that_change_while_the_records_repeat_end_in_a_sentence(period):
    class Wheel(Pages):
        def fetch(self, request, decode):
            number = int(parse_qs(urlsplit(request.url).query)["page"][0])
            self.asked.append(number)
            ids = [f"{number % period}-{one}" for one in range(2)]
            return decode(
                json.dumps(
                    {"list": [{"id": one} for one in ids], "next": f"/export?page={number + 1}"}
                ).encode()
            )

    pages = Wheel()
    with pytest.raises(
        IncompleteExportError, match=r"^Acme /export sent 3 consecutive pages without a new record"
    ):
        ids_of(pages, start="/export?page=0")
    assert len(pages.asked) == period + 3


def test_a_page_or_two_that_repeat_are_no_reason_to_give_up():
    pages = Pages(A=(["1"], "B"), B=(["1"], "C"), C=(["1"], "D"), D=(["2"], "E"), E=(["2"], None))

    assert ids_of(pages) == ["1", "1", "1", "2", "2"]


def test_empty_pages_for_ever_end_in_a_sentence():
    class Desert(Pages):
        def fetch(self, request, decode):
            number = int(parse_qs(urlsplit(request.url).query)["page"][0])
            self.asked.append(number)
            return decode(json.dumps({"list": [], "next": f"/export?page={number + 1}"}).encode())

    pages = Desert()
    with pytest.raises(IncompleteExportError, match="1000 consecutive pages without a new record"):
        ids_of(pages, start="/export?page=0")
    assert len(pages.asked) == 1000
