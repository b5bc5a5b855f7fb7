"""Applied Labs, public API version ``v2026-04``: what its conversations become in tables.

Members and their types are documented at https://appliedlabs.ai/docs/api/v2026-04/export-conversations and
https://appliedlabs.ai/docs/api/v2026-04/get-message. A conversation has its messages inline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from airflow_provider_convexport.tables.sources import Mappings, RecordMapping, first, nothing, one, several
from airflow_provider_convexport.tables.values import (
    Note,
    count,
    filled_text,
    flag,
    identifier,
    member_text,
    strings,
    text,
    utc_text,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROLES: Final = {"assistant": "bot", "user": "customer", "customer": "customer", "system": "system"}
"""Only ``assistant`` is documented; the others are what its convention calls the other sides."""
_VISIBILITIES: Final = {"External": "customer", "Internal": "internal"}


def _agents(values: Sequence[Any], note: Note) -> list[str | None] | None:
    agent, teammate = values
    if agent is msgspec.UNSET and teammate is msgspec.UNSET:
        return None
    known = [each for each in (agent, teammate) if each is not None and each is not msgspec.UNSET]
    return [found for found in (identifier(each, note) for each in known) if found is not None]


def _topics(values: Sequence[Any], note: Note) -> list[str | None] | None:
    topic, intent = values
    if topic is msgspec.UNSET and intent is msgspec.UNSET:
        return None
    known = [each for each in (topic, intent) if each is not None and each is not msgspec.UNSET]
    return [found for found in (member_text(each, ("name",), note) for each in known) if found is not None]


def _is_resolved(values: Sequence[Any], note: Note) -> bool | None:
    resolved_at, resolution = values
    if resolved_at is msgspec.UNSET:
        return None
    if resolved_at is None:
        return False if resolution in (None, "", msgspec.UNSET) else None
    return None if utc_text(resolved_at, note) is None else True


def _is_escalated(values: Sequence[Any], note: Note) -> bool | None:
    escalated_at, resolution = values
    if resolution == "escalated":
        return True
    if escalated_at is None or escalated_at is msgspec.UNSET:
        return False if escalated_at is None else None
    return None if utc_text(escalated_at, note) is None else True


def _role(values: Sequence[Any], note: Note) -> str:
    word, teammate = values
    if word is not None and type(word) is not str:
        note(word)
    role = _ROLES.get(word.lower(), "unknown") if type(word) is str else "unknown"
    return role if teammate is None or role == "system" else "unknown"


def _author(values: Sequence[Any], note: Note) -> str | None:
    word, agent, contact, teammate = values
    role = _role((word, teammate), lambda _: None)
    author = {"bot": agent, "customer": contact}.get(role, teammate)
    return None if author is None else identifier(author, note)


def _visibility(value: object, note: Note) -> str | None:
    return _VISIBILITIES[value] if type(value) is str and value in _VISIBILITIES else note(value)


_CONVERSATIONS: Final = RecordMapping(
    {
        "conversation_id": one("id", identifier),
        "started_at": first(
            "start_time", "created_at", coercion=utc_text, words="`start_time`; without it `created_at`"
        ),
        "updated_at": one("updated_at", utc_text),
        "last_activity_at": one("last_message_at", utc_text),
        "ended_at": one("resolved_at", utc_text),
        "channel": one("type", text),
        "direction": one("direction", text),
        "language": nothing(),
        "subject": one("title", text),
        "summary": one("summary", text),
        "status": one("status", filled_text, "`status`; empty text is null"),
        "resolution": one("resolution", filled_text, "`resolution`; empty text is null"),
        "is_resolved": several(
            "resolved_at",
            "resolution",
            value=_is_resolved,
            words="true if `resolved_at` is a time; false if it is null and there is no `resolution`, either",
        ),
        "is_escalated": several(
            "escalation_time",
            "resolution",
            value=_is_escalated,
            words="true if `escalation_time` is a time or `resolution` is `escalated`; false if "
            "`escalation_time` is null",
        ),
        "is_test": one("is_test", flag),
        "customer_id": one("contact_id", identifier),
        "agent_ids": several(
            "agent_id", "user_id", value=_agents, words="`agent_id` and the teammate's `user_id`, if not null"
        ),
        "agent_names": nothing(),
        "tags": one("tags", strings),
        "topics": several(
            "topic", "intent", value=_topics, words="`topic.name` and `intent.name`, if not null"
        ),
        "csat_score": nothing(),
        "csat_max": nothing(),
        "csat_comment": nothing(),
        "message_count": one("messages", count, "the number of `messages`"),
        "bot_seconds": nothing(),
        "agent_seconds": nothing(),
        "custom": nothing(),
    },
    raw=frozenset(("messages",)),
    distinct=frozenset(
        ("resolved_at", "resolution", "escalation_time", "agent_id", "user_id", "topic", "intent")
    ),
)

_MESSAGES: Final = RecordMapping(
    {
        "conversation_id": one(
            "conversation_id", identifier, "`conversation_id`; if null `id` of the conversation"
        ),
        "message_id": one("id", identifier),
        "sent_at": one("created_at", utc_text),
        "updated_at": one("updated_at", utc_text),
        "role": several(
            "role",
            "user_id",
            value=_role,
            words="`role`: `assistant` is `bot`, `user` and `customer` are `customer`, `system` is `system`, "
            "all else is `unknown`; so is whatever but `system` has a teammate's `user_id`",
        ),
        "author_id": several(
            "role",
            "agent_id",
            "contact_id",
            "user_id",
            value=_author,
            words="`agent_id` of a bot, `contact_id` of a customer, else `user_id`",
        ),
        "text": first("text", "content", coercion=text, words="`text`; without it `content`"),
        "kind": one("format", text, "`format`, which `content` is written in"),
        "visibility": one("type", _visibility, "`type`: `External` is `customer`, `Internal` is `internal`"),
        "options": nothing(),
        "in_reply_to": nothing(),
        "payload": nothing("none; `content` is in `raw`"),
    },
    inline="messages",
    inherited={"conversation_id": one("id", identifier)},
)

TABLES: Final[Mappings] = {"conversations": {"conversations": _CONVERSATIONS, "messages": _MESSAGES}}
