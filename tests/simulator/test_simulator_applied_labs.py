from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

JUNE = "2026-06-01T00:00:00Z,2026-06-08T00:00:00Z"
SHOPS = ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222")
START, END = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 8, tzinfo=UTC)


def flat(pages):
    return [record for page in pages for record in page]


@pytest.mark.parametrize(
    ("params", "status", "field"),
    [
        ({}, 400, "created_at__range"),
        ({"created_at__range": JUNE, "last_message_at__range": JUNE}, 400, "last_message_at__range"),
        ({"created_at__range": JUNE, "limit": 101}, 400, "limit"),
        ({"created_at__range": JUNE, "limit": 0}, 400, "limit"),
        ({"created_at__range": JUNE, "limit": "ten"}, 400, "limit"),
        ({"created_at__range": JUNE, "page": 2}, 400, "page"),
        ({"created_at__range": [JUNE, JUNE]}, 400, "created_at__range"),
        ({"created_at__range": "2026-06-08T00:00:00Z,2026-06-01T00:00:00Z"}, 400, "created_at__range"),
        ({"created_at__range": "2026-06-01T00:00:00Z,2026-06-01T00:00:00Z"}, 400, "created_at__range"),
        ({"created_at__range": "2026-06-01T00:00:00Z,2026-07-01T00:00:01Z"}, 400, "created_at__range"),
        ({"created_at__range": "2026-06-01T00:00:00.5Z,2026-06-08T00:00:00Z"}, 400, "created_at__range"),
        ({"created_at__range": "2026-06-01T00:00:00+00:00,2026-06-08T00:00:00Z"}, 400, "created_at__range"),
        ({"created_at__range": "2026-06-01,2026-06-08"}, 400, "created_at__range"),
        ({"created_at__range": "2026-06-31T00:00:00Z,2026-07-02T00:00:00Z"}, 400, "created_at__range"),
        ({"created_at__range": "2026-06-01T00:00:00Z"}, 400, "created_at__range"),
        ({"created_at__range": "relative:-31d,"}, 400, "created_at__range"),
        ({"created_at__range": JUNE, "agent_id": "x"}, 400, "agent_id"),
        ({"created_at__range": JUNE, "resolution": "closed"}, 400, "resolution"),
        ({"created_at__range": JUNE, "cursor": "forged"}, 400, "detail"),
    ],
)
def test_export_refuses_what_the_page_does_not_allow(client, params, status, field):
    answer = client.applied(**params)

    assert answer.status_code == status
    assert list(answer.json()) == [field]


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"key": None}, 401, "detail"),
        ({"key": "AL-wrong"}, 401, "detail"),
        ({"shop": None}, 400, "X-Shop-Id"),
        ({"shop": "shop"}, 400, "X-Shop-Id"),
        ({"shop": "33333333-3333-4333-8333-333333333333"}, 403, "detail"),
        ({"method": "POST"}, 405, "detail"),
    ],
)
def test_key_shop_and_method_must_be_right(client, changes, status, field):
    answer = client.applied(created_at__range=JUNE, **changes)

    assert answer.status_code == status
    assert field in answer.json()


def test_thirty_days_exactly_are_accepted(client):
    assert client.applied(created_at__range="2026-06-01T00:00:00Z,2026-07-01T00:00:00Z").status_code == 200


def test_a_missing_slash_is_redirected_with_its_query(client):
    answer = client.applied("export", created_at__range=JUNE)

    assert answer.status_code == 301
    assert answer.headers["Location"].startswith("/v2026-04/conversations/export/?created_at__range=2026")


def test_a_missing_limit_gives_pages_of_ten(client):
    assert len(client.applied(created_at__range=JUNE).json()["results"]) == 10


@pytest.mark.parametrize("field", ["created_at", "last_message_at"])
def test_export_walks_the_window_oldest_first(client, simulator, field):
    pages = client.walk_applied(**{f"{field}__range": JUNE, "limit": 20})
    truth = simulator.truth("applied_labs", "conversations", START, END, window_on=field)
    times = [json.loads(record)[field] for record in truth]

    assert flat(pages) == truth
    assert times == sorted(times)
    assert times[0] == "2026-06-01T00:00:00Z"
    assert None not in times


def test_messages_come_inline_oldest_first(client):
    for conversation in client.applied(created_at__range=JUNE, limit=100).json()["results"]:
        times = [message["created_at"] for message in conversation["messages"]]
        assert times == sorted(times)
        assert times[0] == conversation["created_at"]


def test_the_list_is_newest_first_without_messages_and_topics(client):
    records = [
        json.loads(record) for record in flat(client.walk_applied("", created_at__range=JUNE, limit=100))
    ]
    times = [record["created_at"] for record in records]

    assert times == sorted(times, reverse=True)
    assert not {"messages", "summary", "flags", "tags", "topic", "last_message_at"} & set().union(*records)


def test_the_list_needs_no_range_and_knows_no_activity(client):
    assert client.applied("").status_code == 200
    assert client.applied("", last_message_at__range=JUNE).status_code == 400


def test_one_conversation_is_found_by_id_in_its_own_shop_only(client):
    wanted = client.applied(created_at__range=JUNE).json()["results"][3]
    answer = client.applied(f"{wanted['id']}/")

    assert answer.status_code == 200
    assert answer.json().items() <= wanted.items()
    assert "messages" not in answer.json()
    assert client.applied(f"{wanted['id']}/", shop=SHOPS[1]).status_code == 404
    assert client.applied("99999999-9999-4999-8999-999999999999/").status_code == 404
    assert client.applied("nonsense/").status_code == 400


def test_shops_hold_different_conversations(client):
    first, second = (
        flat(client.walk_applied(shop=shop, created_at__range=JUNE, limit=100)) for shop in SHOPS
    )

    assert not set(first) & set(second)


@pytest.mark.parametrize("name", ["agent_id", "contact_id", "id", "resolution"])
def test_filters_filter(client, name):
    everything = [
        json.loads(record) for record in flat(client.walk_applied(created_at__range=JUNE, limit=100))
    ]
    value = next(record[name] for record in everything if record.get(name))
    expected = [record["id"] for record in everything if record.get(name) == value]
    suffixes = [""] if name == "agent_id" else ["", "__in"]

    for suffix in suffixes:
        pages = client.walk_applied(created_at__range=JUNE, limit=1, **{name + suffix: value})
        assert [json.loads(record)["id"] for record in flat(pages)] == expected


def test_the_cursor_carries_everything_and_suffers_no_change(client):
    link = client.applied(created_at__range=JUNE, limit=5).json()["next"]
    second = client.applied(link).json()

    assert link.partition("?")[2].startswith("cursor=")
    assert "&" not in link
    assert len(second["results"]) == 5
    assert second["previous"] is not None
    assert client.applied(second["previous"]).json()["results"][0]["created_at"] == "2026-06-01T00:00:00Z"
    assert client.applied(link, created_at__range=JUNE).status_code == 200
    assert (
        client.applied(link, created_at__range="2026-06-01T00:00:00Z,2026-06-09T00:00:00Z").status_code == 400
    )
    assert client.applied(link, shop=SHOPS[1]).status_code == 400
    assert client.applied(link.replace("/export/", "/")).status_code == 400


def test_relative_ranges_end_now(client):
    pages = client.walk_applied(created_at__range="relative:-2d,", limit=100)
    times = [json.loads(record)["created_at"] for record in flat(pages)]

    assert min(times) >= "2026-11-18T12:34:56Z"
    assert "2026-11-20T00:00:01Z" in times
    assert max(times) <= "2026-11-20T12:34:56Z"


def test_unknown_paths_are_not_found(client):
    assert client.applied("/v2026-04/tickets/").json() == {"detail": "Not found."}
