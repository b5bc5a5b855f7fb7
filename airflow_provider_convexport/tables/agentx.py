"""AgentX Support by Workato, Export API: what its records become in tables.

Members and their types are documented at
https://docs.workato.com/en/agentic/agentx-support/analytics/export-api. The transcript in a conversation's
metadata is a snapshot for the flow, so messages come from the stream of messages alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from airflow_provider_convexport.tables.members import decoded
from airflow_provider_convexport.tables.sources import Mappings, RecordMapping, nothing, one, several
from airflow_provider_convexport.tables.values import (
    Note,
    epoch,
    flag,
    identifier,
    json_object,
    member_texts,
    strings,
    text,
    utc_text,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import msgspec


def _is_resolved(tags: object, note: Note) -> bool | None:
    if type(tags) is not list:
        return note(tags)
    return True if "resolved" in tags else None


def _role(values: Sequence[Any], note: Note) -> str:
    """Return who speaks, or ``unknown`` if the members contradict each other or do not say."""
    kind, shown, written = values
    if kind is not None and type(kind) is not str:
        note(kind)
    by_customer = kind == "UserInput" or _begins(written, b'{"')
    by_bot = kind == "BotMessage" or _begins(shown, b"{")
    if by_customer == by_bot:
        return "unknown"
    return "customer" if by_customer else "bot"


def _text(values: Sequence[Any], note: Note) -> str | None:
    steps, written = values
    texts = None if steps is None else member_texts("text")(steps, note)
    lines = [each for each in texts or () if each is not None]
    if lines or written is None:
        return "\n".join(lines) if lines else None
    value = decoded(written)
    return value if type(value) is str else None if value is None or type(value) is dict else note(value)


def _visibility(values: Sequence[Any], note: Note) -> str | None:
    del note  # text and payload count what is unexpected here
    shown, written = values
    return "customer" if _begins(shown, b"{") or _begins(written, b'{"') else None


def _payload(values: Sequence[Any], note: Note) -> str | None:
    shown, written = values
    content = None if shown is None else json_object(shown, note)
    if content is None and _begins(written, b"{"):
        return str(written, "utf-8")
    return content


def _begins(raw: msgspec.Raw | None, marks: bytes) -> bool:
    return raw is not None and bytes(memoryview(raw)[:1]) in marks


_CONVERSATIONS: Final = RecordMapping(
    {
        "conversation_id": one("_id", identifier),
        "started_at": one("startTime", epoch, "`startTime`, in seconds"),
        "updated_at": nothing(),
        "last_activity_at": one("lastActionAt", utc_text, "`lastActionAt`, which is UTC without saying so"),
        "ended_at": nothing(),
        "channel": one("metadata.__sys_channel", text),
        "direction": nothing(),
        "language": one("locale", text),
        "subject": nothing(),
        "summary": nothing(),
        "status": nothing(),
        "resolution": nothing(),
        "is_resolved": one("tags", _is_resolved, "true if `tags` has `resolved`"),
        "is_escalated": nothing(),
        "is_test": one("metadata.draft", flag),
        "customer_id": nothing(),
        "agent_ids": nothing(),
        "agent_names": nothing(),
        "tags": one("tags", strings),
        "topics": nothing(),
        "csat_score": nothing(),
        "csat_max": nothing(),
        "csat_comment": nothing(),
        "message_count": nothing("none; `userMessageCount` counts the customer's alone"),
        "bot_seconds": nothing(),
        "agent_seconds": nothing(),
        "custom": one("metadata", json_object),
    },
)

_MESSAGES: Final = RecordMapping(
    {
        "conversation_id": one("conversationId", identifier),
        "message_id": one("_id", identifier),
        "sent_at": one("time", epoch, "`time`, in seconds and their fractions"),
        "updated_at": nothing(),
        "role": several(
            "type",
            "outMsg",
            "userInput",
            value=_role,
            words="`customer` if `type` is `UserInput` or there is a `userInput`, `bot` if `type` is "
            "`BotMessage` or there is an `outMsg`; `unknown` if both or neither",
        ),
        "author_id": nothing(),
        "text": several(
            "outMsg.steps",
            "userInput",
            value=_text,
            words="`outMsg.steps[].text`, one a line, or `userInput`; null if that is a form",
        ),
        "kind": one("type", text),
        "visibility": several(
            "outMsg",
            "userInput",
            value=_visibility,
            words="`customer` if there is an `outMsg` or a `userInput`",
        ),
        "options": one("outMsg.options", member_texts("txt"), "`outMsg.options[].txt`"),
        "in_reply_to": nothing(),
        "payload": several(
            "outMsg", "userInput", value=_payload, words="`outMsg`, or `userInput` if that is a form"
        ),
    },
    raw=frozenset(("userInput",)),
)

TABLES: Final[Mappings] = {
    "conversations": {"conversations": _CONVERSATIONS},
    "messages": {"messages": _MESSAGES},
}
