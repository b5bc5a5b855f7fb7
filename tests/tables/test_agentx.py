from __future__ import annotations

import pytest

from airflow_provider_convexport.tables.mapping import tables_of
from tests.tables.rows import SECOND, Mapped

CONVERSATIONS = Mapped("agentx", "conversations", "conversations")
MESSAGES = Mapped("agentx", "messages", "messages")


@pytest.mark.parametrize(
    ("written", "micros"),
    [
        ("1777708811", 1777708811 * SECOND),
        ("1777708806.5", 1777708806_500_000),
        ("1777708806.123456", 1777708806_123_456),
        ("1777708806.999999", 1777708806_999_999),
        ("1777708806.9999997", 1777708806_999_999),
        ("1.777708811e9", 1777708811 * SECOND),
        ('"1777708806.120"', 1777708806_120_000),
        ("0", 0),
    ],
)
def test_seconds_are_integers_floats_or_text_and_exact(written, micros):
    assert MESSAGES.clean(f'{{"time":{written}}}')["sent_at"] == micros
    assert CONVERSATIONS.clean(f'{{"startTime":{written}}}')["started_at"] == micros


def test_each_microsecond_of_a_second_is_exact():
    for fraction in range(0, SECOND, 997):
        assert (
            MESSAGES.clean(f'{{"time":1777708806.{fraction:06d}}}')["sent_at"]
            == 1777708806 * SECOND + fraction
        )


def test_milliseconds_are_not_seconds():
    row, drift = CONVERSATIONS.row(startTime=1777708806120)

    assert (row["started_at"], drift) == (None, {"started_at": {"number": 1}})


@pytest.mark.parametrize(
    ("text", "fraction"), [("2026-05-02T08:04:10.250000", 250_000), ("2026-05-02T08:04:10", 0)]
)
def test_the_last_action_is_utc_without_saying_so(text, fraction):
    assert CONVERSATIONS.clean(lastActionAt=text)["last_activity_at"] == 1777709050 * SECOND + fraction


def test_both_forms_of_ids_are_text():
    assert (
        MESSAGES.clean(_id="a0a0a0a0a0a04b0b8c0c0d0d0e0e0f0f")["message_id"]
        == "a0a0a0a0a0a04b0b8c0c0d0d0e0e0f0f"
    )
    assert MESSAGES.clean(_id="5b1d6f0e-7a43-4c0e-9c55-6d2f8f1c2b3a")["message_id"].count("-") == 4


@pytest.mark.parametrize(
    ("members", "role"),
    [
        ({"type": "Question", "outMsg": {"steps": [{"text": "How?"}]}}, "bot"),
        ({"type": "BotMessage"}, "bot"),
        ({"type": "faq", "outMsg": {"options": [{"txt": "A"}]}}, "bot"),
        ({"type": "UserInput", "userInput": "Track"}, "customer"),
        ({"type": "UserInput"}, "customer"),
        ({"userInput": {"email": "a@example.com"}}, "customer"),
        ({"type": "UserInput", "outMsg": {"steps": []}}, "unknown"),
        ({"userInput": "Track", "outMsg": {"steps": []}}, "unknown"),
        ({"type": "LiveChat"}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_the_speaker_follows_from_what_the_message_holds(members, role):
    assert MESSAGES.clean(**members)["role"] == role


def test_a_form_is_a_payload_and_not_a_text():
    row = MESSAGES.clean('{"type":"UserInput","userInput":{"order":1.10}}')

    assert (row["text"], row["payload"], row["role"]) == (None, '{"order":1.10}', "customer")


def test_typed_input_is_a_text_and_no_payload():
    row = MESSAGES.clean(type="UserInput", userInput="Track", userActionType="action_userQuickReply")

    assert (row["text"], row["payload"], row["kind"]) == ("Track", None, "UserInput")


@pytest.mark.parametrize(("value", "kind"), [(1, "number"), (["a"], "array"), (True, "boolean")])
def test_input_of_another_kind_is_counted(value, kind):
    row, drift = MESSAGES.row(userInput=value)

    assert (row["text"], row["role"], drift) == (None, "unknown", {"text": {kind: 1}})


def test_steps_are_lines_and_cards_stay_in_the_payload():
    out = '{"steps":[{"text":"One"},{"card":{"n":1.50}},{"text":"Two"}],"options":[{"txt":"A"},{"txt":"B"}]}'
    row = MESSAGES.clean(f'{{"type":"Question","outMsg":{out}}}')

    assert (row["text"], row["options"], row["payload"]) == ("One\nTwo", ["A", "B"], out)


def test_options_have_txt_and_steps_have_text():
    row = MESSAGES.clean(outMsg={"steps": [{"txt": "no"}], "options": [{"text": "no"}]})

    assert (row["text"], row["options"]) == (None, [None])


def test_a_conversation_without_tags_or_metadata_is_mapped():
    row = CONVERSATIONS.clean(_id="c")

    assert (row["tags"], row["custom"], row["is_test"], row["is_resolved"]) == (None, None, None, None)


def test_only_the_tag_says_that_a_conversation_was_resolved():
    assert CONVERSATIONS.clean(tags=["informed", "resolved"])["is_resolved"] is True
    assert CONVERSATIONS.clean(tags=["informed", "liveChat"])["is_resolved"] is None


def test_conversations_of_a_draft_are_tests():
    assert CONVERSATIONS.clean(metadata={"draft": True})["is_test"] is True
    assert CONVERSATIONS.clean(metadata={"draft": False})["is_test"] is False


def test_metadata_is_kept_digit_for_digit():
    text = '{"guideNodeCount":1E1,"browser_localTime":1777708806120}'

    assert CONVERSATIONS.clean(f'{{"metadata":{text}}}')["custom"] == text


def test_the_transcript_of_a_conversation_makes_no_messages():
    assert tables_of("agentx", "conversations") == ("conversations",)
    assert tables_of("agentx", "messages") == ("messages",)


def test_the_count_of_the_customers_messages_is_not_the_count_of_messages():
    assert CONVERSATIONS.clean(userMessageCount=2)["message_count"] is None
