"""Random records of the vendors' documented keys, whose values are what is documented or anything else."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_convexport.tables.mapping import RowReader, tables_of
from airflow_provider_convexport.tables.schema import TABLES
from tests.support.streams import STREAMS
from tests.tables.rows import names_of, to_arrow

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SURROGATE = st.integers(0xD800, 0xDFFF).map(lambda code: f"\\u{code:04x}")


class Field(NamedTuple):
    """A member of a documented shape: its path, JSON texts with what they become, and the column."""

    path: str
    good: st.SearchStrategy[tuple[str, Any]]
    column: str


def as_json(value):
    return json.dumps(value)


def micros(moment):
    return (moment - EPOCH) // timedelta(microseconds=1)


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
texts = words.map(lambda value: (as_json(value), value))
filled = words.filter(bool).map(lambda value: (as_json(value), value))
flags = st.booleans().map(lambda value: (as_json(value), value))
lists = st.lists(words, max_size=3).map(lambda value: (as_json(value), value))
numbers = st.floats(0, 1e9).map(lambda value: (as_json(value), value)) | st.integers(0, 10**9).map(
    lambda value: (as_json(str(value)), float(value))
)
moments = st.integers(0, 4_000_000_000_000_000).map(lambda value: EPOCH + timedelta(microseconds=value))
aware = moments.map(lambda moment: (as_json(moment.isoformat()), micros(moment)))
zulu = moments.map(lambda moment: (as_json(moment.isoformat().replace("+00:00", "Z")), micros(moment)))
naive = moments.map(lambda moment: (as_json(moment.replace(tzinfo=None).isoformat()), micros(moment)))
seconds = st.integers(0, 4_000_000_000).map(lambda value: (as_json(value), value * 1_000_000)) | st.integers(
    0, 4_000_000_000_000_000
).map(lambda value: (f"{value // 1_000_000}.{value % 1_000_000:06d}", value))

FIELDS: dict[tuple[str, str, str], list[Field]] = {
    ("applied_labs", "conversations", "conversations"): [
        Field("id", texts, "conversation_id"),
        Field("start_time", zulu, "started_at"),
        Field("updated_at", zulu, "updated_at"),
        Field("last_message_at", zulu, "last_activity_at"),
        Field("resolved_at", zulu, "ended_at"),
        Field("type", texts, "channel"),
        Field("direction", texts, "direction"),
        Field("title", texts, "subject"),
        Field("summary", texts, "summary"),
        Field("status", filled, "status"),
        Field("resolution", filled, "resolution"),
        Field("is_test", flags, "is_test"),
        Field("contact_id", texts, "customer_id"),
        Field("tags", lists, "tags"),
    ],
    ("ada", "conversations", "conversations"): [
        Field("_id", texts, "conversation_id"),
        Field("date_created", naive, "started_at"),
        Field("date_updated", naive, "updated_at"),
        Field("platform", texts, "channel"),
        Field("language", texts, "language"),
        Field("inquiry_summary", texts, "summary"),
        Field("automated_resolution_classification", texts, "resolution"),
        Field("is_escalated", flags, "is_escalated"),
        Field("is_test_user", flags, "is_test"),
        Field("chatter_id", texts, "customer_id"),
        Field("agent_id", lists, "agent_ids"),
        Field("agent_name", lists, "agent_names"),
        Field("csat.score", numbers, "csat_score"),
        Field("csat.comment", texts, "csat_comment"),
        Field("bot_handle_time", numbers, "bot_seconds"),
        Field("agent_handle_time", numbers, "agent_seconds"),
    ],
    ("ada", "messages", "messages"): [
        Field("_id", texts, "message_id"),
        Field("conversation_id", texts, "conversation_id"),
        Field("date_created", aware, "sent_at"),
        Field("record_last_updated", aware, "updated_at"),
        Field("sender", texts, "author_id"),
        Field("message_data._type", texts, "kind"),
        Field("message_data.body", texts, "text"),
        Field("in_response_to", filled.filter(lambda pair: pair[1] != "None"), "in_reply_to"),
    ],
    ("agentx", "conversations", "conversations"): [
        Field("_id", texts, "conversation_id"),
        Field("startTime", seconds, "started_at"),
        Field("lastActionAt", naive, "last_activity_at"),
        Field("locale", texts, "language"),
        Field("tags", lists, "tags"),
        Field("metadata.draft", flags, "is_test"),
        Field("metadata.__sys_channel", texts, "channel"),
    ],
    ("agentx", "messages", "messages"): [
        Field("_id", texts, "message_id"),
        Field("conversationId", texts, "conversation_id"),
        Field("time", seconds, "sent_at"),
        Field("type", texts, "kind"),
        Field("userInput", texts, "text"),
    ],
    ("applied_labs", "conversations", "messages"): [
        Field("id", texts, "message_id"),
        Field("conversation_id", texts, "conversation_id"),
        Field("created_at", zulu, "sent_at"),
        Field("updated_at", zulu, "updated_at"),
        Field("text", texts, "text"),
        Field("format", texts, "kind"),
    ],
}
OTHER_KEYS = {
    "applied_labs": ["messages", "topic", "intent", "agent_id", "user_id", "created_at", "escalation_time",
                     "role"],
    "ada": ["classifications", "generated_topic_label", "metavariables", "variables", "csat", "message_data",
            "recipient", "answer_id", "generated_topic_v2_title"],
    "agentx": ["outMsg", "metadata", "userMessageCount", "userActionType"],
}  # fmt: skip

numbers_of_any_size = st.integers().map(str) | st.sampled_from(
    ["1e400", "-1e400", "-0.0", "9223372036854775808", "1" * 400, "9" * 5000, "1.10", "1E5", "5e-324"]
)
strings = words.map(as_json) | st.lists(
    SURROGATE | words.map(lambda word: as_json(word)[1:-1]), max_size=3
).map(lambda parts: f'"{"".join(parts)}"')
dates = st.sampled_from(
    ["0000-01-01T00:00:00", "10000-01-01", "9999-12-31T23:59:59-12:00", "None", "2026"]
).map(as_json)
scalars = st.sampled_from(["null", "true", "false", "{}", "[]", '""']) | numbers_of_any_size | strings | dates


def objects_of(keys, values):
    return st.lists(st.tuples(keys, values), max_size=4).map(
        lambda members: "{" + ",".join(f"{key}:{value}" for key, value in members) + "}"
    )


@cache
def anything(vendor):
    """JSON texts of any kind, whose objects have keys that occur in the vendor's records."""
    fields = [each for key, group in FIELDS.items() if key[0] == vendor for each in group]
    inner = {part for each in fields for part in each.path.split(".")} | {
        "name", "steps", "text", "options", "txt", "quick_replies", "label", "intents", "intent_name",
        "topic_name",
    }  # fmt: skip
    keys = st.sampled_from(sorted(inner)).map(as_json) | strings
    return st.recursive(
        scalars,
        lambda values: (
            st.lists(values, max_size=3).map(lambda items: f"[{','.join(items)}]") | objects_of(keys, values)
        ),
        max_leaves=8,
    )


@st.composite
def records(draw, vendor, fields):
    """A record as text, and what columns its documented members give."""
    members, nested, expected = [], {}, {}
    for field in draw(st.lists(st.sampled_from(fields), unique=True)):
        text, value = draw(field.good)
        outer, dot, inner = field.path.partition(".")
        if dot:
            nested.setdefault(outer, []).append((inner, text))
        else:
            members.append((outer, text))
        expected[field.column] = value
    members += [
        (outer, "{" + ",".join(f'"{k}":{v}' for k, v in parts) + "}") for outer, parts in nested.items()
    ]
    used = {name for name, _ in members}
    left = sorted({each.path.partition(".")[0] for each in fields} | set(OTHER_KEYS[vendor]) - used)
    for name in draw(
        st.lists(st.sampled_from([name for name in left if name not in used] or ["x"]), unique=True)
    ):
        members.append((name, draw(anything(vendor))))
    members += draw(st.lists(st.tuples(words.map("x_{}".format), anything(vendor)), max_size=2))
    text = ",".join(f"{as_json(name)}:{value}" for name, value in draw(st.permutations(members)))
    return f"{{{text}}}", expected


CASES = [
    (case.vendor, case.stream, table) for case in STREAMS for table in tables_of(case.vendor, case.stream)
]


@pytest.mark.parametrize(("vendor", "stream", "table"), CASES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_record_is_lost_and_what_is_documented_lands_in_its_column(vendor, stream, table, data):
    drawn = data.draw(st.lists(records(vendor, FIELDS[vendor, stream, table]), max_size=3))
    inline = (vendor, table) == ("applied_labs", "messages")
    lines = (
        [f'{{"messages":[{",".join(text for text, _ in drawn)}]}}'] if inline else [text for text, _ in drawn]
    )
    reader = RowReader(vendor, stream, table)

    rows = [row for line in lines for row in reader.rows(line.encode())]

    named = [dict(zip(names_of(table), row, strict=True)) for row in rows]
    assert [row["raw"] for row in named] == [text for text, _ in drawn]
    for row, (_, expected) in zip(named, drawn, strict=True):
        assert {column: row[column] for column in expected} == expected
    to_arrow(table, rows)
    assert set(reader.drift) <= {column.name for column in TABLES[table].columns}
    assert {kind for kinds in reader.drift.values() for kind in kinds} <= {
        "null", "boolean", "number", "string", "array", "object",
    }  # fmt: skip


@pytest.mark.parametrize(("vendor", "stream", "table"), CASES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_record_of_whatever_json_gives_rows_that_arrow_takes(vendor, stream, table, data):
    text = data.draw(anything(vendor))

    rows = list(RowReader(vendor, stream, table).rows(text.encode()))

    to_arrow(table, rows)
    assert (vendor, table) == ("applied_labs", "messages") or [row[-1] for row in rows] == [text]
