"""AgentX Support by Workato, Export API: what its records become in tables.

Members and their types are documented at
https://docs.workato.com/en/agentic/agentx-support/analytics/export-api. The transcript in a conversation's
metadata is a snapshot for the flow, so messages come from the stream of messages alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

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

_STEPS: Final = member_texts("text")
_WRITTEN: Final = frozenset((str, msgspec.Raw))
"""What a customer's input reads as: text, or the object of a form."""


def _is_resolved(tags: object, note: Note) -> bool | None:
    if type(tags) is not list:
        return note(tags)
    return True if "resolved" in tags else None


def _role(values: Sequence[Any], note: Note) -> str:
    """Return who speaks, or ``unknown`` if the members contradict each other or do not say."""
    kind, steps, options, written = values
    if kind is not None and type(kind) is not str:
        note(kind)
    by_customer = kind == "UserInput" or type(written) in _WRITTEN
    by_bot = kind == "BotMessage" or type(steps) is list or type(options) is list
    if by_customer == by_bot:
        return "unknown"
    return "customer" if by_customer else "bot"


def _text(values: Sequence[Any], note: Note) -> str | None:
    steps, written = values
    if steps is not None:
        lines = [each for each in _STEPS(steps, note) or () if each is not None]
        if lines or written is None:
            return "\n".join(lines) if lines else None
    if type(written) is str:
        return written
    return None if written is None or type(written) is msgspec.Raw else note(written)


def _visibility(values: Sequence[Any], note: Note) -> str | None:
    del note  # what is unexpected here is counted by other columns
    steps, options, written = values
    shown = type(steps) is list or type(options) is list or type(written) in _WRITTEN
    return "customer" if shown else None


def _payload(values: Sequence[Any], note: Note) -> bytes | None:
    shown, written = values
    content = None if shown is None else json_object(shown, note)
    return bytes(written) if content is None and type(written) is msgspec.Raw else content


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
            "outMsg.steps",
            "outMsg.options",
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
            "outMsg.steps",
            "outMsg.options",
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
    mixed=frozenset(("userInput",)),
)

TABLES: Final[Mappings] = {
    "conversations": {"conversations": _CONVERSATIONS},
    "messages": {"messages": _MESSAGES},
}
