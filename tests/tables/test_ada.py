from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from tests.tables.rows import SECOND, Mapped

CONVERSATIONS = Mapped("ada", "conversations", "conversations")
MESSAGES = Mapped("ada", "messages", "messages")
CHATTER = "66b0c0ffee00000000000002"


def micros(*parts):
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * SECOND


def message(kind="text", **members):
    return MESSAGES.clean(message_data={"_type": kind, "body": "Hello"}, **members)


def test_dates_without_an_offset_are_utc():
    row = CONVERSATIONS.clean(date_created="2026-05-02T08:00:05", date_updated="2026-05-02T08:04:10")

    assert row["started_at"] == micros(2026, 5, 2, 8, 0, 5)
    assert row["updated_at"] == micros(2026, 5, 2, 8, 4, 10)


def test_dates_of_messages_keep_their_microseconds_and_their_offset():
    row = MESSAGES.clean(date_created="2026-05-02T10:00:06.120001+02:00")

    assert row["sent_at"] == micros(2026, 5, 2, 8, 0, 6) + 120_001


@pytest.mark.parametrize("value", [{}, None])
@pytest.mark.parametrize("mapped", [CONVERSATIONS, MESSAGES])
def test_record_last_updated_may_be_an_empty_object(mapped, value):
    assert mapped.clean(record_last_updated=value)["updated_at"] is None


def test_any_other_object_instead_of_a_date_is_counted():
    row, drift = MESSAGES.row(record_last_updated={"at": 1})

    assert (row["updated_at"], drift) == (None, {"updated_at": {"object": 1}})


def test_the_time_of_the_record_stands_in_for_a_missing_date_of_update():
    row = CONVERSATIONS.clean(record_last_updated="2026-05-02T08:00:09.000001+00:00")

    assert row["updated_at"] == micros(2026, 5, 2, 8, 0, 9) + 1


@pytest.mark.parametrize(("value", "seconds"), [(31.25, 31.25), ("31.25", 31.25), (31, 31.0), (None, None)])
def test_handle_times_are_numbers_or_text(value, seconds):
    row = CONVERSATIONS.clean(agent_handle_time=value, bot_handle_time=value)

    assert (row["agent_seconds"], row["bot_seconds"]) == (seconds, seconds)


@pytest.mark.parametrize("value", ["NaN", "inf", "1_000", "", " 1", "\uff11"])
def test_text_that_python_but_not_json_reads_as_a_number_is_counted(value):
    row, drift = CONVERSATIONS.row(bot_handle_time=value)

    assert (row["bot_seconds"], drift) == (None, {"bot_seconds": {"string": 1}})


@pytest.mark.parametrize(("word", "is_resolved"), [("Resolved", True), ("Not Resolved", False), (None, None)])
def test_the_classification_is_the_resolution(word, is_resolved):
    row = CONVERSATIONS.clean(automated_resolution_classification=word)

    assert (row["resolution"], row["is_resolved"]) == (word, is_resolved)


def test_a_new_classification_is_kept_as_the_resolution_and_counted():
    row, drift = CONVERSATIONS.row(automated_resolution_classification="Partly")

    assert (row["resolution"], row["is_resolved"]) == ("Partly", None)
    assert drift == {"is_resolved": {"string": 1}}


def test_agents_and_their_names_stay_paired():
    row = CONVERSATIONS.clean(agent_id=["a", "b"], agent_name=[None, "Zoë"])

    assert (row["agent_ids"], row["agent_names"]) == (["a", "b"], [None, "Zoë"])


@pytest.mark.parametrize("value", [None, {}, {"score": None, "comment": None}])
def test_a_survey_may_be_null_or_empty(value):
    row = CONVERSATIONS.clean(csat=value)

    assert (row["csat_score"], row["csat_comment"]) == (None, None)


def test_a_survey_gives_score_and_comment_and_the_effort_score_gives_no_maximum():
    row = CONVERSATIONS.clean(csat={"score": 4, "comment": "good", "ces_max": 7, "style": "EMOJI"})

    assert (row["csat_score"], row["csat_comment"], row["csat_max"]) == (4.0, "good", None)


def test_topics_are_those_of_the_classifications():
    intents = [{"intent_name": "Return window", "status": "active"}, {"intent_id": "i2"}]
    row = CONVERSATIONS.clean(
        classifications=[{"topic_name": "Returns", "intents": intents}, {"topic_name": "Parcels"}],
        generated_topic_label="Old",
    )

    assert row["topics"] == ["Returns", "Return window", "Parcels"]


@pytest.mark.parametrize(
    ("members", "topics"),
    [
        ({"classifications": [], "generated_topic_v2_title": "New", "generated_topic_label": "Old"}, ["New"]),
        ({"generated_topic_v2_title": None, "generated_topic_label": "Old"}, ["Old"]),
        ({"classifications": []}, []),
        ({}, None),
    ],
)
def test_records_of_before_the_classifications_have_a_generated_topic(members, topics):
    assert CONVERSATIONS.clean(**members)["topics"] == topics


def test_variables_keep_each_digit():
    row = CONVERSATIONS.clean('{"metavariables":{"n":1.10},"variables":{"big":12345678901234567890123}}')

    assert row["custom"] == '{"metavariables":{"n":1.10},"variables":{"big":12345678901234567890123}}'


@pytest.mark.parametrize(
    ("members", "role"),
    [
        ({"sender": "ada", "recipient": CHATTER, "chatter_id": CHATTER}, "bot"),
        ({"sender": "Ada", "recipient": CHATTER, "chatter_id": CHATTER}, "bot"),
        ({"sender": "bot", "recipient": CHATTER}, "bot"),
        ({"sender": "agent", "recipient": CHATTER}, "agent"),
        ({"sender": CHATTER, "recipient": "ada", "chatter_id": CHATTER}, "customer"),
        ({"sender": CHATTER, "recipient": "agent", "chatter_id": None}, "customer"),
        ({"sender": "some-uuid", "recipient": "ada", "chatter_id": CHATTER}, "unknown"),
        ({"sender": "some-uuid", "recipient": "some-other"}, "unknown"),
        ({"sender": "ada", "recipient": "ada"}, "unknown"),
        ({"sender": None}, "unknown"),
        ({"sender": "some-uuid", "answer_id": "627d28a9bd9ca9e5337b9763"}, "bot"),
        ({"sender": CHATTER, "chatter_id": CHATTER, "answer_id": "627d28a9bd9ca9e5337b9763"}, "unknown"),
        ({"sender": CHATTER, "chatter_id": CHATTER, "answer_id": "None"}, "customer"),
        ({"sender": "agent", "answer_id": "None"}, "agent"),
    ],
)
def test_the_speaker_is_told_by_more_than_the_sender_and_never_guessed(members, role):
    assert message(**members)["role"] == role


def test_meta_messages_are_the_systems_and_internal():
    row = message("meta", sender="ada", recipient=CHATTER)

    assert (row["role"], row["visibility"]) == ("system", "internal")


def test_a_new_kind_of_message_is_kept():
    row = message("hologram", sender="ada", recipient=CHATTER)

    assert (row["kind"], row["role"], row["visibility"], row["text"]) == (
        "hologram",
        "bot",
        "customer",
        "Hello",
    )


def test_a_picture_has_no_text_but_a_payload():
    data = '{"_type":"picture","pic_url":"https://cdn.example.com/p.gif","size":1.50}'
    row = MESSAGES.clean(f'{{"message_data":{data}}}')

    assert (row["text"], row["payload"]) == (None, data)


@pytest.mark.parametrize("key", ["label", "title"])
def test_quick_replies_are_options(key):
    replies = [{"button_type": "suggestion", key: "Yes", "target": "1"}, {key: "No"}]
    row = MESSAGES.clean(message_data={"_type": "quick_replies", "quick_replies": replies})

    assert row["options"] == ["Yes", "No"]


@pytest.mark.parametrize(("value", "found"), [("None", None), (None, None), ("m1", "m1")])
def test_a_message_that_answers_none_may_say_so_as_text(value, found):
    assert message(in_response_to=value)["in_reply_to"] == found


def test_a_record_of_today_with_keys_of_tomorrow_is_mapped():
    members = {"_id": "c", "x_new": {"deep": [1]}, "changeset_id": "baseline", "used_articles": []}

    assert CONVERSATIONS.clean(**members)["conversation_id"] == "c"


def test_message_data_of_another_kind_is_counted_for_each_column_that_needs_it():
    row, drift = MESSAGES.row(_id="m", message_data="Hello")

    assert row["message_id"] == "m"
    assert drift == {name: {"string": 1} for name in ("text", "kind", "visibility", "options", "payload")}


def test_raw_is_the_record():
    line = '{ "_id" : "c" , "n" : 1.10 }'

    assert CONVERSATIONS.clean(line)["raw"] == line
    assert json.loads(line)["_id"] == CONVERSATIONS.clean(line)["conversation_id"]
