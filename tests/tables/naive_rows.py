"""Rows of both tables, made of records as a person would make them with `docs/tables.md` at hand.

Nothing of the package is used here, so that an error of its mappings is not made twice. Times are read with
the standard library, to the microsecond. A value of another shape than the documented one is null.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

Record = dict[str, Any]

OF_THE_PARTITION = ("vendor", "scope", "partition_date", "window_on", "exported_at")
COLUMNS = {
    "conversations": (
        *(
            "conversation_id",
            "started_at",
            "updated_at",
            "last_activity_at",
            "ended_at",
            "channel",
            "direction",
        ),
        *("language", "subject", "summary", "status", "resolution", "is_resolved", "is_escalated", "is_test"),
        *("customer_id", "agent_ids", "agent_names", "tags", "topics", "csat_score", "csat_max"),
        *("csat_comment", "message_count", "bot_seconds", "agent_seconds", "custom", "raw"),
    ),
    "messages": (
        *("conversation_id", "message_id", "sent_at", "updated_at", "role", "author_id", "text", "kind"),
        *("visibility", "options", "in_reply_to", "payload", "raw"),
    ),
}
JSON = ("custom", "payload", "raw")
LONE = re.compile("[\ud800-\udfff]")
SIDES = {"ada": "bot", "bot": "bot", "agent": "agent"}


def rows_of_record(vendor: str, stream: str, line: bytes) -> Iterator[tuple[str, Record]]:
    """Yield the table and the columns of each row that a record becomes, without those of the partition."""
    record = json.loads(line)
    for table, row in MAPPINGS[vendor, stream](record):
        raw = row.pop("raw", record)
        full = dict.fromkeys(COLUMNS[table]) | row | {"raw": raw}
        assert full.keys() == set(COLUMNS[table])
        yield table, {name: comparable(name, value) for name, value in full.items()}


def stored_row(row: Record) -> Record:
    """Return a row of a table in the form in which `rows_of_record` has it; times become ISO text."""
    return {
        name: comparable(name, json.loads(value) if name in JSON and value is not None else value)
        for name, value in row.items()
        if name not in OF_THE_PARTITION
    }


def comparable(name: str, value: Any) -> Any:
    """Return a value with times as text, and as one text if it is JSON."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    value = _repaired(value)
    return json.dumps(value, sort_keys=True) if name in JSON and value is not None else value


def _repaired(value: Any) -> Any:
    if isinstance(value, str):
        return LONE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_repaired(each) for each in value]
    if isinstance(value, dict):
        return {_repaired(name): _repaired(each) for name, each in value.items()}
    return value


def text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def words(value: Any) -> str | None:
    return text(value) or None


def flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def whole_id(value: Any) -> str | None:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else text(value)


def texts(value: Any) -> list[str | None] | None:
    return [text(each) for each in value] if isinstance(value, list) else None


def dictionary(value: Any) -> Record | None:
    return value if isinstance(value, dict) else None


def member(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def moment(value: Any) -> datetime | None:
    """Return a time of ISO text, which is UTC unless it says otherwise, or of epoch seconds."""
    if isinstance(value, str):
        read = datetime.fromisoformat(value)
        return read if read.tzinfo else read.replace(tzinfo=UTC)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, tz=UTC)
    return None


def ada_conversation(record: Record) -> Iterator[tuple[str, Record]]:
    verdict = text(record.get("automated_resolution_classification"))
    yield (
        "conversations",
        {
            "conversation_id": whole_id(record["_id"]),
            "started_at": moment(record.get("date_created")),
            "updated_at": moment(record.get("date_updated")) or moment(record.get("record_last_updated")),
            "channel": text(record.get("platform")),
            "language": text(record.get("language")),
            "summary": text(record.get("inquiry_summary")),
            "resolution": verdict,
            "is_resolved": {"Resolved": True, "Not Resolved": False}.get(verdict or ""),
            "is_escalated": flag(record.get("is_escalated")),
            "is_test": flag(record.get("is_test_user")),
            "customer_id": whole_id(record.get("chatter_id")),
            "agent_ids": texts(record.get("agent_id")),
            "agent_names": texts(record.get("agent_name")),
            "topics": ada_topics(record),
            "csat_score": number(member(record, "csat", "score")),
            "csat_comment": text(member(record, "csat", "comment")),
            "bot_seconds": number(record.get("bot_handle_time")),
            "agent_seconds": number(record.get("agent_handle_time")),
            "custom": {
                name: record[name]
                for name in ("metavariables", "variables")
                if isinstance(record.get(name), dict)
            }
            or None,
        },
    )


def ada_topics(record: Record) -> list[str] | None:
    groups = record.get("classifications")
    if groups:
        named = [
            each
            for group in groups
            for each in (
                member(group, "topic_name"),
                *(member(intent, "intent_name") for intent in member(group, "intents") or ()),
            )
        ]
        return [each for each in named if isinstance(each, str)]
    generated = record.get("generated_topic_v2_title")
    if generated is None:
        generated = record.get("generated_topic_label")
    if generated is not None:
        return [generated]
    return None if groups is None else []


def ada_message(record: Record) -> Iterator[tuple[str, Record]]:
    data = record.get("message_data")
    kind = text(member(data, "_type"))
    offered = member(data, "quick_replies")
    yield (
        "messages",
        {
            "conversation_id": whole_id(record.get("conversation_id")),
            "message_id": whole_id(record["_id"]),
            "sent_at": moment(record.get("date_created")),
            "updated_at": moment(record.get("record_last_updated")),
            "role": ada_role(record, kind),
            "author_id": whole_id(record.get("sender")),
            "text": text(member(data, "body")),
            "kind": kind,
            "visibility": None if kind is None else "internal" if kind == "meta" else "customer",
            "options": [member(each, "label") or member(each, "title") for each in offered]
            if isinstance(offered, list)
            else None,
            "in_reply_to": None
            if record.get("in_response_to") == "None"
            else words(record.get("in_response_to")),
            "payload": dictionary(data),
        },
    )


def ada_role(record: Record, kind: str | None) -> str:
    sender, recipient = words(record.get("sender")), words(record.get("recipient"))
    chatter, answer = record.get("chatter_id"), words(record.get("answer_id"))
    if kind == "meta":
        return "system"
    if sender is None or sender == recipient:
        said = "unknown"
    elif sender.lower() in SIDES:
        said = SIDES[sender.lower()]
    elif sender == chatter or (chatter is None and (recipient or "").lower() in SIDES):
        said = "customer"
    else:
        said = "unknown"
    if answer is None or answer == "None":
        return said
    return "bot" if said in {"bot", "unknown"} else "unknown"


def agentx_conversation(record: Record) -> Iterator[tuple[str, Record]]:
    tags = record.get("tags")
    yield (
        "conversations",
        {
            "conversation_id": whole_id(record["_id"]),
            "started_at": moment(record.get("startTime")),
            "last_activity_at": moment(record.get("lastActionAt")),
            "channel": text(member(record, "metadata", "__sys_channel")),
            "language": text(record.get("locale")),
            "is_resolved": True if isinstance(tags, list) and "resolved" in tags else None,
            "is_test": flag(member(record, "metadata", "draft")),
            "tags": texts(tags),
            "custom": dictionary(record.get("metadata")),
        },
    )


def agentx_message(record: Record) -> Iterator[tuple[str, Record]]:
    said, shown, kind = record.get("userInput"), record.get("outMsg"), text(record.get("type"))
    steps, options = member(shown, "steps"), member(shown, "options")
    by_customer = kind == "UserInput" or isinstance(said, str | dict)
    by_bot = kind == "BotMessage" or isinstance(steps, list) or isinstance(options, list)
    lines = [line for each in steps or () if isinstance(line := member(each, "text"), str)]
    form = said if isinstance(said, dict) else None
    yield (
        "messages",
        {
            "conversation_id": whole_id(record.get("conversationId")),
            "message_id": whole_id(record["_id"]),
            "sent_at": moment(record.get("time")),
            "role": "unknown" if by_customer == by_bot else "customer" if by_customer else "bot",
            "text": "\n".join(lines) if lines else text(said),
            "kind": kind,
            "visibility": "customer"
            if isinstance(steps, list) or isinstance(options, list) or isinstance(said, str | dict)
            else None,
            "options": [text(member(each, "txt")) for each in options] if isinstance(options, list) else None,
            "payload": form if dictionary(shown) is None else shown,
        },
    )


def applied_labs_conversation(record: Record) -> Iterator[tuple[str, Record]]:
    resolution = words(record.get("resolution"))
    agents = [record.get("agent_id"), record.get("user_id")]
    themes = [member(record, "topic", "name"), member(record, "intent", "name")]
    is_resolved = None
    if "resolved_at" in record:
        is_resolved = True if record["resolved_at"] else False if resolution is None else None
    is_escalated = None
    if "escalation_time" in record:
        is_escalated = bool(record["escalation_time"])
    yield (
        "conversations",
        {
            "conversation_id": whole_id(record["id"]),
            "started_at": moment(record.get("start_time")) or moment(record.get("created_at")),
            "updated_at": moment(record.get("updated_at")),
            "last_activity_at": moment(record.get("last_message_at")),
            "ended_at": moment(record.get("resolved_at")),
            "channel": text(record.get("type")),
            "direction": text(record.get("direction")),
            "subject": text(record.get("title")),
            "summary": text(record.get("summary")),
            "status": words(record.get("status")),
            "resolution": resolution,
            "is_resolved": is_resolved,
            "is_escalated": True if resolution == "escalated" else is_escalated,
            "is_test": flag(record.get("is_test")),
            "customer_id": whole_id(record.get("contact_id")),
            "agent_ids": [each for each in agents if each is not None]
            if {"agent_id", "user_id"} & record.keys()
            else None,
            "tags": texts(record.get("tags")),
            "topics": [each for each in themes if each is not None]
            if {"topic", "intent"} & record.keys()
            else None,
            "message_count": len(record["messages"]),
        },
    )
    for each in record["messages"]:
        yield "messages", applied_labs_message(record, each)


def applied_labs_message(conversation: Record, record: Record) -> Record:
    word, teammate = str(record.get("role")).lower(), record.get("user_id")
    roles = {"assistant": "bot", "user": "customer", "customer": "customer", "system": "system"}
    role = roles.get(word, "unknown")
    if teammate is not None and role != "system":
        role = "unknown"
    authors = {"bot": record.get("agent_id"), "customer": record.get("contact_id")}
    own = record.get("conversation_id")
    return {
        "conversation_id": whole_id(conversation["id"] if own is None else own),
        "message_id": whole_id(record.get("id")),
        "sent_at": moment(record.get("created_at")),
        "updated_at": moment(record.get("updated_at")),
        "role": role,
        "author_id": whole_id(authors.get(role, teammate)),
        "text": text(record.get("content") if record.get("text") is None else record["text"]),
        "kind": text(record.get("format")),
        "visibility": {"External": "customer", "Internal": "internal"}.get(record.get("type", "")),
        "raw": record,
    }


MAPPINGS: dict[tuple[str, str], Callable[[Record], Iterator[tuple[str, Record]]]] = {
    ("ada", "conversations"): ada_conversation,
    ("ada", "messages"): ada_message,
    ("agentx", "conversations"): agentx_conversation,
    ("agentx", "messages"): agentx_message,
    ("applied_labs", "conversations"): applied_labs_conversation,
}
