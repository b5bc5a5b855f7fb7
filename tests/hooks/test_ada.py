from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pendulum
import pytest
import yaml

from airflow_provider_convexport.errors import IncompleteExportError
from airflow_provider_convexport.hooks.ada import AdaHook
from tests.support.tiny_server import as_json

APRIL_1 = pendulum.datetime(2026, 4, 1)
TO = "2026-04-02T00:00:01Z"
OPENAPI = Path(__file__).parents[1] / "simulator" / "ada-data-export.openapi.yml"


@pytest.fixture
def ada(connect, server):
    connect("ada", server.url)
    server.fallback = lambda asked: as_json({"data": [], "meta": {"next_page_uri": None}})
    return server


def params(target):
    return dict(parse_qsl(urlsplit(target).query, keep_blank_values=True))


def conversation(number, date="2026-04-01T12:00:00", **more):
    return {"_id": str(number), "date_created": date, **more}


def test_conversations_come_as_dicts_page_by_page(ada):
    ada.script = [
        as_json(
            {
                "data": [conversation(1, n=1.5)],
                "meta": {"next_page_uri": f"{ada.url}/api/v2/export/conversations?created_since=x"},
            }
        ),
        as_json({"data": [conversation(2), conversation(1)], "meta": {}}),
    ]

    found = AdaHook().export_conversations(APRIL_1, APRIL_1.add(days=1))

    assert ada.asked == []
    assert next(found) == {"_id": "1", "date_created": "2026-04-01T12:00:00", "n": 1.5}
    assert len(ada.asked) == 1
    assert [one["_id"] for one in found] == ["2"]


def test_records_outside_the_interval_are_dropped(ada):
    dates = [
        "2026-03-31T23:59:59.999",
        "2026-04-01T00:00:00",
        "2026-04-01T23:59:59.999999Z",
        "2026-04-02T00:00:00+00:00",
    ]
    ada.script = [as_json({"data": [conversation(number, date) for number, date in enumerate(dates)]})]

    assert [one["_id"] for one in AdaHook().export_conversations(APRIL_1, APRIL_1.add(days=1))] == ["1", "2"]


@pytest.mark.parametrize("window_on", ["created", "updated"])
def test_exactly_one_pair_of_ends_is_sent_a_second_beyond_the_interval(ada, window_on):
    list(AdaHook().export_conversations(APRIL_1, APRIL_1.add(days=1), window_on=window_on))

    assert params(ada.targets[0]) == {
        f"{window_on}_since": "2026-03-31T23:59:59Z",
        f"{window_on}_to": "2026-04-02T00:00:01Z",
        "page_size": "10000",
    }


def test_a_long_interval_is_cut_to_what_the_vendor_takes(ada):
    list(AdaHook().export_conversations(APRIL_1, APRIL_1.add(days=150)))

    spans = [
        (datetime.fromisoformat(one["created_since"]), datetime.fromisoformat(one["created_to"]))
        for one in map(params, ada.targets)
    ]
    assert len(spans) == 3
    assert all(end - start <= timedelta(days=60) for start, end in spans)
    assert spans[0][0] <= datetime(2026, 4, 1, tzinfo=UTC)
    assert all(left[1] >= right[0] for left, right in pairwise(spans))
    assert spans[-1][1] >= datetime(2026, 4, 1, tzinfo=UTC) + timedelta(days=150)


def test_messages_may_be_those_of_one_conversation(ada):
    list(AdaHook().export_messages(APRIL_1, APRIL_1.add(days=1), conversation_id="c/1"))

    assert urlsplit(ada.targets[0]).path == "/api/v2/export/messages"
    assert params(ada.targets[0])["conversation_id"] == "c/1"


def test_messages_of_all_conversations_send_no_conversation(ada):
    list(AdaHook().export_messages(APRIL_1, APRIL_1.add(days=1)))

    assert set(params(ada.targets[0])) == {"created_since", "created_to", "page_size"}


@pytest.mark.parametrize(
    "form",
    [
        "{url}/api/v2/export/conversations?{query}",
        "/api/v2/export/conversations?{query}",
        "?{query}",
        "conversations?{query}",
    ],
    ids=["absolute", "from the root", "query alone", "relative"],
)
def test_a_next_link_in_any_form_is_followed_with_the_page_size_it_forgot(ada, form):
    query = "created_since=2026-04-01T05%3A00%3A00%2B00%3A00&created_to=2026-04-02T00%3A00%3A01%2B00%3A00"
    ada.script = [as_json({"data": [], "meta": {"next_page_uri": form.format(url=ada.url, query=query)}})]

    list(AdaHook().export_conversations(APRIL_1, APRIL_1.add(days=1)))

    assert urlsplit(ada.targets[1]).path == "/api/v2/export/conversations"
    assert params(ada.targets[1]) == {
        "created_since": "2026-04-01T04:59:59Z",  # a second earlier, in case "after" means what it says
        "created_to": "2026-04-02T00:00:01+00:00",
        "page_size": "10000",
    }


def test_a_next_link_with_its_own_page_size_is_followed_as_it_is(ada):
    ada.script = [
        as_json({"data": [], "meta": {"next_page_uri": "/api/v2/export/conversations?x=1&page_size=500"}})
    ]

    list(AdaHook().export_conversations(APRIL_1, APRIL_1.add(days=1)))

    assert ada.targets[1] == "/api/v2/export/conversations?x=1&page_size=500"


@pytest.mark.parametrize(
    ("bound", "followed"),
    [
        ("2026-04-01T05:00:00Z", "2026-04-01T04:59:59Z"),
        ("2026-04-01T05:00:00", "2026-04-01T04:59:59Z"),
        ("2026-04-01T05:00:00.250Z", "2026-04-01T05:00:00.249000Z"),
        ("2026-04-01T05:00:00.000001+00:00", "2026-04-01T05:00:00Z"),
        ("2026-04-01T07:00:00.1234567+02:00", "2026-04-01T05:00:00.123455Z"),
        ("yesterday", "yesterday"),
    ],
)
def test_the_links_lower_bound_is_moved_back_by_the_resolution_that_it_shows(ada, bound, followed):
    link = f"/api/v2/export/conversations?{urlencode({'created_since': bound, 'created_to': TO})}"
    ada.script = [as_json({"data": [], "meta": {"next_page_uri": link}})]

    list(AdaHook().export_conversations(APRIL_1, APRIL_1.add(days=1)))

    assert params(ada.targets[1])["created_since"] == followed


def test_a_vendor_that_is_seen_to_include_the_lower_bound_is_followed_as_it_asks(ada):
    link = f"/api/v2/export/conversations?created_since=2026-04-01T05%3A00%3A00Z&created_to={TO}"
    first = {"_id": "a", "date_created": "2026-03-31T23:59:59"}
    ada.script = [as_json({"data": [first], "meta": {"next_page_uri": link}})]

    list(AdaHook().export_conversations(APRIL_1, APRIL_1.add(days=1)))

    assert params(ada.targets[1])["created_since"] == "2026-04-01T05:00:00Z"


@pytest.mark.parametrize("strange", ["2026-04-01T05:00:00", "yesterday"])
def test_a_link_after_one_with_a_strange_lower_bound_is_followed_too(ada, strange):
    first = {"_id": "a", "date_created": "2026-03-31T23:59:59"}  # proves the bound inclusive
    links = [
        f"?{urlencode({'created_since': bound, 'created_to': TO})}"
        for bound in (strange, "2026-04-01T09:00:00Z")
    ]
    ada.script = [
        as_json({"data": [first], "meta": {"next_page_uri": links[0]}}),
        as_json({"data": [], "meta": {"next_page_uri": links[1]}}),
    ]

    list(AdaHook().export_conversations(APRIL_1, APRIL_1.add(days=1)))

    assert [params(target)["created_since"] for target in ada.targets[1:]] == [
        strange,
        "2026-04-01T08:59:59Z",
    ]


def test_an_upper_bound_that_the_link_forgets_is_put_back_since_without_one_it_would_mean_seven_days(ada):
    link = "/api/v2/export/conversations?created_since=2026-04-01T05%3A00%3A00Z"
    ada.script = [as_json({"data": [], "meta": {"next_page_uri": link}})]

    list(AdaHook().export_conversations(APRIL_1, APRIL_1.add(days=30)))

    assert params(ada.targets[1])["created_to"] == params(ada.targets[0])["created_to"]


def test_a_next_link_keeps_the_conversation_that_was_asked_for(ada):
    """The vendor's sample link holds the dates alone, so page two may forget what else was asked."""
    ada.script = [
        as_json(
            {"data": [], "meta": {"next_page_uri": "/api/v2/export/messages?created_since=x&created_to=y"}}
        )
    ]

    list(AdaHook().export_messages(APRIL_1, APRIL_1.add(days=1), conversation_id="c1"))

    assert params(ada.targets[1])["conversation_id"] == "c1"


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/x",
        "//evil.example/x",
        "http://[::1/x",
        "http://127.0.0.1:1/x",
        "https://[evil]/x",
    ],
)
def test_a_next_link_that_leads_away_is_not_followed(ada, link):
    ada.script = [as_json({"data": [], "meta": {"next_page_uri": link}})]

    with pytest.raises(IncompleteExportError, match="next link that leads away"):
        list(AdaHook().export_conversations(APRIL_1, APRIL_1.add(days=1)))
    assert len(ada.asked) == 1


def test_a_next_link_that_does_not_advance_is_an_error(ada):
    ada.fallback = lambda asked: as_json({"data": [], "meta": {"next_page_uri": asked.target}})

    with pytest.raises(IncompleteExportError, match="does not advance"):
        list(AdaHook().export_conversations(APRIL_1, APRIL_1.add(days=1)))


@pytest.mark.parametrize("stream", ["conversations", "messages"])
def test_requests_are_those_of_the_vendors_own_description(ada, stream):
    hook = AdaHook()
    if stream == "messages":
        list(hook.export_messages(APRIL_1, APRIL_1.add(days=100), conversation_id="c1"))
    else:
        list(hook.export_conversations(APRIL_1, APRIL_1.add(days=100)))
        list(hook.export_conversations(APRIL_1, APRIL_1.add(days=100), window_on="updated"))
    assert hook.test_connection()[0]

    described = yaml.safe_load(OPENAPI.read_text())["paths"]
    for asked in ada.asked:
        parameters = described[asked.path.removeprefix("/api")]["get"]["parameters"]
        known = {each["name"]: each for each in parameters if each["in"] == "query"}
        required = {name for name, each in known.items() if each["required"]}
        sent = parse_qs(urlsplit(asked.target).query, strict_parsing=True)
        assert required <= set(sent) <= set(known)
        for name, values in sent.items():
            (value,) = values
            if known[name]["schema"].get("format") == "date-time":
                assert value.endswith("Z")
                assert datetime.fromisoformat(value).tzinfo is UTC
            elif known[name]["schema"]["type"] == "integer":
                assert 100 <= int(value) <= 10_000
        assert {each["name"] for each in parameters if each["in"] == "header" and each["required"]} <= set(
            asked.headers
        )


def test_all_keys_of_an_instance_share_one_budget(connect):
    connect("ada", "https://Acme.ada.support", password="one")
    first = AdaHook()
    first_account = first.account(first.settings)
    connect("ada", "https://acme.ada.support", password="two")
    second = AdaHook()

    assert first_account == second.account(second.settings) == "ada:acme.ada.support"


@pytest.mark.parametrize(
    ("host", "account"),
    [
        ("https://Acme.ada.support", "acme.ada.support"),
        ("acme.ada.support", "acme.ada.support"),
        ("https://acme.ada.support:443", "acme.ada.support"),
        ("https://acme.ada.support:8443", "acme.ada.support:8443"),
        ("http://127.0.0.1:80", "127.0.0.1"),
        ("http://127.0.0.1:8080", "127.0.0.1:8080"),
        ("http://[::1]:8080", "[::1]:8080"),
    ],
)
def test_a_dataset_and_the_budget_know_the_instance_by_its_host_and_port(connect, host, account):
    connect("ada", host)
    hook = AdaHook()

    assert hook.query().account == account
    assert hook.account(hook.settings) == f"ada:{account}"
