from __future__ import annotations

import json

import pytest

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.tables.mapping import RowReader, tables_of
from tests.tables.rows import SECOND, Mapped

CONVERSATIONS = Mapped("applied_labs", "conversations", "conversations")
MESSAGES = Mapped("applied_labs", "conversations", "messages")
EIGHT = 1777708800 * SECOND


def message(**members):
    (row,), drift = MESSAGES.rows(json.dumps({"id": "c", "messages": [members]}))
    assert drift == {}
    return row


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("2026-05-02T08:00:00Z", EIGHT),
        ("2026-05-02T08:00:00.1Z", EIGHT + 100_000),
        ("2026-05-02T08:00:00.123456Z", EIGHT + 123_456),
        ("2026-05-02T10:00:00+02:00", EIGHT),
    ],
)
def test_times_have_up_to_six_digits_and_any_offset(text, micros):
    assert CONVERSATIONS.clean(created_at=text)["started_at"] == micros


def test_the_start_of_a_call_comes_before_the_creation_of_its_record():
    row = CONVERSATIONS.clean(created_at="2026-05-02T09:00:00Z", start_time="2026-05-02T08:00:00Z")

    assert row["started_at"] == EIGHT


def test_missing_keys_are_null_and_never_false_or_a_default():
    row = CONVERSATIONS.clean(id="c")

    assert {name for name, value in row.items() if value is not None} == {"conversation_id", "raw"}


@pytest.mark.parametrize("value", ["", None])
def test_status_and_resolution_may_be_blank_or_null(value):
    row = CONVERSATIONS.clean(status=value, resolution=value)

    assert (row["status"], row["resolution"]) == (None, None)


def test_an_empty_title_stays_empty():
    assert CONVERSATIONS.clean(title="")["subject"] == ""


def test_new_enum_values_are_kept():
    row = CONVERSATIONS.clean(type="video_call", status="parked", resolution="bot", direction="sideways")

    assert (row["channel"], row["status"], row["resolution"], row["direction"]) == (
        "video_call", "parked", "bot", "sideways",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("members", "is_resolved"),
    [
        ({"resolved_at": "2026-05-02T08:00:00Z"}, True),
        ({"resolved_at": None}, False),
        ({"resolved_at": None, "resolution": ""}, False),
        ({"resolved_at": None, "resolution": "hard"}, None),
        ({"resolution": "hard"}, None),
        ({}, None),
    ],
)
def test_a_conversation_is_resolved_if_it_has_a_time_of_that(members, is_resolved):
    assert CONVERSATIONS.clean(**members)["is_resolved"] is is_resolved


@pytest.mark.parametrize(
    ("members", "is_escalated"),
    [
        ({"escalation_time": "2026-05-02T08:00:00Z"}, True),
        ({"escalation_time": None, "resolution": "escalated"}, True),
        ({"escalation_time": None, "resolution": "hard"}, False),
        ({"resolution": "hard"}, None),
        ({}, None),
    ],
)
def test_a_conversation_is_escalated_if_it_has_a_time_of_that_or_says_so(members, is_escalated):
    assert CONVERSATIONS.clean(**members)["is_escalated"] is is_escalated


def test_topic_and_intent_are_topics():
    topic, intent = {"id": "1", "name": "Delivery"}, {"id": "2", "name": "Late"}

    assert CONVERSATIONS.clean(topic=topic, intent=intent)["topics"] == ["Delivery", "Late"]
    assert CONVERSATIONS.clean(topic=topic, intent=None)["topics"] == ["Delivery"]
    assert CONVERSATIONS.clean(topic=None, intent=None)["topics"] == []


def test_agents_are_those_that_are_not_null():
    assert CONVERSATIONS.clean(agent_id="a", user_id="t")["agent_ids"] == ["a", "t"]
    assert CONVERSATIONS.clean(agent_id=None, user_id=None)["agent_ids"] == []


def test_a_conversation_fills_both_tables():
    line = '{"id":"c","messages":[{"id":"m1","text":"1"}, {"id":"m2","n":1.10}]}'
    rows, drift = MESSAGES.rows(line)

    assert tables_of("applied_labs", "conversations") == ("conversations", "messages")
    assert CONVERSATIONS.clean(line)["message_count"] == 2
    assert [(row["conversation_id"], row["message_id"], row["raw"]) for row in rows] == [
        ("c", "m1", '{"id":"m1","text":"1"}'),
        ("c", "m2", '{"id":"m2","n":1.10}'),
    ]
    assert drift == {}


def test_a_message_without_a_conversation_has_the_one_that_it_stands_in():
    assert message(conversation_id=None)["conversation_id"] == "c"
    assert message(conversation_id="other")["conversation_id"] == "other"


@pytest.mark.parametrize("messages", ["[]", "null"])
def test_a_conversation_without_messages_gives_no_rows(messages):
    assert MESSAGES.rows(f'{{"id":"c","messages":{messages}}}') == ([], {})
    assert MESSAGES.rows('{"id":"c"}') == ([], {})


def test_messages_that_are_no_list_are_counted():
    assert MESSAGES.rows('{"id":"c","messages":{}}') == ([], {"raw": {"object": 1}})
    row, drift = CONVERSATIONS.row(messages={})
    assert (row["message_count"], drift) == (None, {"message_count": {"object": 1}})


def test_a_message_that_is_no_object_is_a_row_all_the_same():
    rows, drift = MESSAGES.rows('{"id":"c","messages":["hello",null,{"id":"m"}]}')

    assert [(row["conversation_id"], row["message_id"], row["raw"]) for row in rows] == [
        ("c", None, '"hello"'), ("c", None, "null"), ("c", "m", '{"id":"m"}'),
    ]  # fmt: skip
    assert drift == {"raw": {"string": 1, "null": 1}}


def test_an_inlined_message_keeps_its_half_of_an_emoji():
    text = r'{"id":"m","text":"cut \ud83d","n":1.10}'
    (row,), drift = MESSAGES.rows(f'{{"id":"c","messages":[{text}]}}')

    assert (row["text"], row["raw"], row["conversation_id"], drift) == ("cut �", text, "c", {})


@pytest.mark.parametrize(
    ("members", "role", "author"),
    [
        ({"role": "assistant", "agent_id": "a", "contact_id": "c"}, "bot", "a"),
        ({"role": "user", "agent_id": None, "contact_id": "c"}, "customer", "c"),
        ({"role": "user", "contact_id": "c", "user_id": "t"}, "unknown", "t"),
        ({"role": "assistant", "agent_id": "a", "user_id": "t"}, "unknown", "t"),
        ({"role": "system", "user_id": "t"}, "system", "t"),
        ({"role": "agent", "agent_id": "a"}, "unknown", None),
        ({"role": None}, "unknown", None),
        ({}, "unknown", None),
    ],
)
def test_roles_are_an_open_set_and_never_guessed(members, role, author):
    row = message(**members)

    assert (row["role"], row["author_id"]) == (role, author)


@pytest.mark.parametrize(
    ("word", "visibility"), [("External", "customer"), ("Internal", "internal"), (None, None)]
)
def test_internal_messages_are_marked(word, visibility):
    assert message(type=word)["visibility"] == visibility


def test_the_plain_text_comes_before_the_formatted_content():
    assert message(text="a", content="<p>a</p>", format="HTML")["text"] == "a"
    assert message(content="<p>a</p>", format="HTML")["text"] == "<p>a</p>"


def test_a_messages_own_times_are_used():
    row = message(created_at="2026-05-02T08:00:00Z", updated_at="2026-05-02T08:00:01Z")

    assert (row["sent_at"], row["updated_at"]) == (EIGHT, EIGHT + SECOND)


def test_there_is_no_stream_of_messages():
    with pytest.raises(
        ConfigurationError, match=r"stream='messages' of applied_labs fills no table; use one of"
    ):
        tables_of("applied_labs", "messages")
    with pytest.raises(ConfigurationError, match="vendor='eve' does not exist; use one of"):
        tables_of("eve", "conversations")
    with pytest.raises(ConfigurationError, match=r"table='tickets' is not filled by .*; use one of"):
        RowReader("applied_labs", "conversations", "tickets")
