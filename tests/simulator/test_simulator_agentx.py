from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

START, END = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 8, tzinfo=UTC)
WEEK = {
    "start_time": int(START.timestamp()),
    "end_time": int(END.timestamp()),
    "bot_name": "support-bot",
}


def flat(pages):
    return [record for page in pages for record in page]


def without(name):
    return {key: value for key, value in WEEK.items() if key != name}


@pytest.mark.parametrize(
    "params",
    [
        without("start_time"),
        without("end_time"),
        without("bot_name"),
        WEEK | {"bot_name": "unknown"},
        WEEK | {"start_time": f"{WEEK['start_time']}.0"},
        WEEK | {"start_time": WEEK["start_time"] * 1000},
        WEEK | {"start_time": "2026-06-01T00:00:00Z"},
        WEEK | {"start_time": WEEK["end_time"]},
        WEEK | {"start_time": -5},
        WEEK | {"per_page": 0},
        WEEK | {"per_page": 1001},
        WEEK | {"page": 2},
        WEEK | {"conversation_id": "x"},
        WEEK | {"bot_name": ["support-bot", "sales-bot"]},
        WEEK | {"cursor": "forged"},
        WEEK | {"cursor": ""},
    ],
)
def test_conversations_refuse_what_the_page_does_not_allow(client, params):
    answer = client.agentx(**params)

    assert answer.status_code == 400
    assert list(answer.json()) == ["message"]


@pytest.mark.parametrize("key", [None, "wrong"])
def test_a_wrong_key_is_forbidden(client, key):
    answer = client.agentx(**WEEK, key=key)

    assert answer.status_code == 403
    assert answer.json() == {"message": "Forbidden"}


def test_only_get_is_allowed(client):
    assert client.agentx(**WEEK, method="POST").status_code == 405


@pytest.mark.parametrize(("stream", "field"), [("conversations", "startTime"), ("messages", "time")])
def test_a_walk_gives_exactly_the_truth(client, simulator, stream, field):
    pages = client.walk_agentx(stream, **WEEK, per_page=7)
    records = [json.loads(record) for record in flat(pages)]

    assert flat(pages) == simulator.truth("agentx", stream, START, END)
    assert all(WEEK["start_time"] <= record[field] < WEEK["end_time"] for record in records)
    assert len({record["_id"] for record in records}) == len(records)
    assert {type(record[field]) for record in flat_json(simulator, stream)} == {int, float}


def flat_json(simulator, stream):
    """A longer stretch than the week, because fractions are rare in startTime."""
    early = datetime(2026, 1, 1, tzinfo=UTC)
    return [json.loads(record) for record in simulator.truth("agentx", stream, early, END)]


def test_a_missing_page_size_means_a_hundred(client):
    assert len(client.agentx("messages", **WEEK).json()["data"]) == 100


def test_bots_hold_different_conversations(client):
    first, second = (
        flat(client.walk_agentx(**WEEK | {"bot_name": bot}, per_page=1000))
        for bot in ("support-bot", "sales-bot")
    )

    assert first
    assert not set(first) & set(second)


def test_the_cursor_needs_every_original_parameter_unchanged(client):
    asked = WEEK | {"per_page": 5}
    cursor = client.agentx(**asked).json()["cursor"]
    altered = "A" if cursor[20] != "A" else "B"

    assert client.agentx(**asked, cursor=cursor).status_code == 200
    assert client.agentx(**WEEK, cursor=cursor).status_code == 400
    assert client.agentx(**asked | {"bot_name": "sales-bot"}, cursor=cursor).status_code == 400
    assert client.agentx(**asked | {"end_time": WEEK["end_time"] + 1}, cursor=cursor).status_code == 400
    assert client.agentx("messages", **asked, cursor=cursor).status_code == 400
    assert client.agentx(**asked, cursor=cursor[:20] + altered + cursor[21:]).status_code == 400


def test_messages_of_one_conversation_can_be_asked_for(client):
    wanted = client.agentx("messages", **WEEK).json()["data"][7]["conversationId"]
    found = client.agentx("messages", **WEEK, conversation_id=wanted).json()["data"]

    assert {message["conversationId"] for message in found} == {wanted}


def test_last_action_is_naive_and_loses_its_fraction_when_there_is_none(client):
    texts = {json.loads(record)["lastActionAt"] for record in flat(client.walk_agentx(**WEEK, per_page=1000))}

    assert {len(text) for text in texts} == {len("2026-06-01T00:00:00"), len("2026-06-01T00:00:00.000000")}


def test_the_window_may_lie_on_the_last_action(client, simulator):
    simulator.update(agentx_conversation_filter="lastActionAt")
    expected = simulator.truth("agentx", "conversations", START, END, window_on="lastActionAt")

    assert flat(client.walk_agentx(**WEEK, per_page=50)) == expected
    assert expected != simulator.truth("agentx", "conversations", START, END)


def test_a_longest_window_can_be_set(client, simulator):
    simulator.update(agentx_max_window_days=6)

    assert client.agentx(**WEEK).status_code == 400


def test_an_unknown_bot_may_be_empty_instead(client, simulator):
    simulator.update(agentx_unknown_bot_is_empty=True)

    assert client.agentx(**WEEK | {"bot_name": "unknown"}).json() == {"data": [], "cursor": None}
