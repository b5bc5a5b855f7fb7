from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

SINCE, TO = "2026-06-01T00:00:00Z", "2026-06-15T00:00:00Z"
START, END = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 15, tzinfo=UTC)
CREATED = {"created_since": SINCE, "created_to": TO}


def merged(pages):
    """Return all records once, in the order they first came."""
    return list(dict.fromkeys(record for page in pages for record in page))


@pytest.mark.parametrize(
    ("params", "parameter"),
    [
        ({}, "created_since"),
        ({"created_to": TO}, "created_since"),
        ({"updated_to": TO}, "updated_since"),
        (CREATED | {"updated_since": SINCE, "updated_to": TO}, "updated_since"),
        ({"created_since": SINCE, "updated_to": TO}, "updated_since"),
        (CREATED | {"page_size": 99}, "page_size"),
        (CREATED | {"page_size": 10001}, "page_size"),
        (CREATED | {"page_size": "many"}, "page_size"),
        (CREATED | {"cursor": "x"}, "cursor"),
        (CREATED | {"conversation_id": "x"}, "conversation_id"),
        (CREATED | {"created_since": [SINCE, SINCE]}, "created_since"),
        (CREATED | {"created_since": "2026-06-01T00:00:00+00:00"}, "created_since"),
        (CREATED | {"created_since": "2026-06-01T00:00:00 00:00"}, "created_since"),
        (CREATED | {"created_since": "2026-06-01T00:00:00"}, "created_since"),
        (CREATED | {"created_since": "2026-06-01"}, "created_since"),
        (CREATED | {"created_since": "2026-02-30T00:00:00Z"}, "created_since"),
        ({"created_since": TO, "created_to": SINCE}, "created_to"),
        ({"created_since": SINCE, "created_to": SINCE}, "created_to"),
        ({"created_since": SINCE, "created_to": "2026-07-31T00:00:01Z"}, "created_to"),
    ],
)
def test_conversations_refuse_what_the_page_does_not_allow(client, params, parameter):
    answer = client.ada(**params)

    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["type"] == "validation_error"
    assert error["details"][0]["parameter"] == f"$.{parameter}"
    assert set(error["details"][0]) == {"parameter", "location", "message"}


@pytest.mark.parametrize("params", [{"updated_since": SINCE}, {"created_to": TO}])
def test_messages_know_creation_only_and_need_its_start(client, params):
    assert client.ada("messages", **params).status_code == 400


@pytest.mark.parametrize(
    ("changes", "status"), [({"key": None}, 401), ({"key": "legacy"}, 401), ({"method": "PUT"}, 405)]
)
def test_key_and_method_must_be_right(client, changes, status):
    answer = client.ada(**CREATED, **changes)

    assert answer.status_code == status
    assert {"type", "message"} <= set(answer.json()["errors"][0])


def test_unknown_paths_are_not_found(client):
    assert client.ada("/api/v2/export/conversations/").status_code == 404


def test_sixty_days_exactly_are_accepted(client):
    assert client.ada(created_since=SINCE, created_to="2026-07-31T00:00:00Z").status_code == 200


def test_a_missing_end_silently_means_seven_days(client, simulator):
    expected = simulator.truth("ada", "conversations", START, START + timedelta(days=7))

    assert merged(client.walk_ada(created_since=SINCE)) == expected


@pytest.mark.parametrize(
    ("stream", "pair", "field"),
    [
        ("conversations", "created", "date_created"),
        ("conversations", "updated", "date_updated"),
        ("messages", "created", "date_created"),
    ],
)
def test_a_walk_gives_the_truth_once_overlaps_are_removed(client, simulator, stream, pair, field):
    pages = client.walk_ada(stream, **{f"{pair}_since": SINCE, f"{pair}_to": TO})

    assert len(pages) > 1
    assert merged(pages) == simulator.truth("ada", stream, START, END, window_on=field)


def test_the_next_link_moves_the_lower_bound_and_drops_the_page_size(client):
    first = client.ada(**CREATED, page_size=100).json()
    link = urlsplit(first["meta"]["next_page_uri"])
    last = first["data"][-1]["date_created"]

    assert "%2B00%3A00" in link.query
    assert parse_qs(link.query) == {
        "created_since": [f"{last}+00:00"],
        "created_to": ["2026-06-15T00:00:00+00:00"],
    }
    assert client.ada(first["meta"]["next_page_uri"]).json()["data"][0]["date_created"] == last


def test_a_link_whose_plus_became_a_space_is_refused(client):
    link = client.ada(**CREATED, page_size=100).json()["meta"]["next_page_uri"]

    assert client.ada(link.replace("%2B", "+")).status_code == 400


def test_messages_of_one_conversation_can_be_asked_for(client):
    wanted = client.ada("messages", **CREATED).json()["data"][7]["conversation_id"]
    found = client.ada("messages", **CREATED, conversation_id=wanted).json()["data"]

    assert {message["conversation_id"] for message in found} == {wanted}


def test_dates_have_the_two_documented_forms(client):
    conversation = client.ada(**CREATED).json()["data"][0]
    message = client.ada("messages", **CREATED).json()["data"][0]

    assert conversation["date_created"] == "2026-06-01T00:00:00"
    assert message["date_created"] == "2026-06-01T00:00:00.000000+00:00"


def test_the_awkward_values_of_the_documents_occur(client):
    conversations = client.ada(**CREATED).json()["data"]
    messages = client.ada("messages", **CREATED).json()["data"]

    assert {json.dumps(each["record_last_updated"])[0] for each in conversations} == {"{", "n", '"'}
    assert any(each.get("last_agent_id", "") is None for each in conversations)
    assert {each["answer_id"] for each in messages} == {None, "None"}


def test_records_older_than_the_history_are_refused_only_if_wanted(client, simulator):
    old = {"created_since": "2025-06-01T00:00:00Z", "created_to": "2025-06-08T00:00:00Z"}

    assert client.ada(**old).json()["data"] == []
    simulator.update(ada_history_days=365)
    assert client.ada(**old).status_code == 400


def test_success_tells_the_standing_of_the_minute(simulator, client):
    simulator.update(limits=True)
    first, second = client.ada(**CREATED), client.ada(**CREATED)

    assert first.headers["X-RateLimit-Limit"] == "100"
    left = [int(each.headers["X-RateLimit-Remaining"]) for each in (first, second)]
    assert left == [99, 98]
    assert int(second.headers["X-RateLimit-Reset"]) > 1_700_000_000
