"""Ada, Data Export API v2: what its records become in tables.

Members and their types are documented at https://docs.ada.cx/reference/data-export/overview.md,
https://docs.ada.cx/data-export-conversation-object and https://docs.ada.cx/data-export-message-object.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from airflow_provider_convexport.tables.sources import Mappings, RecordMapping, first, nothing, one, several
from airflow_provider_convexport.tables.values import (
    Note,
    flag,
    identifier,
    json_object,
    member_text,
    member_texts,
    named_text,
    number,
    strings,
    text,
    utc_text,
    utc_text_or_empty,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import msgspec

_RESOLVED: Final = {"Resolved": True, "Not Resolved": False}
_BOTS: Final = frozenset(("ada", "bot"))
_SIDES: Final = _BOTS | {"agent"}


def _is_resolved(value: object, note: Note) -> bool | None:
    return _RESOLVED[value] if type(value) is str and value in _RESOLVED else note(value)


def _topics(values: Sequence[Any], note: Note) -> list[str | None] | None:
    classifications, title, label = values
    if classifications is not None and type(classifications) is not list:
        note(classifications)
    elif classifications:
        return [name for each in classifications for name in _names(each, note)]
    name = title if title is not None else label
    if name is not None:
        return None if type(name) is not str and note(name) is None else [name]
    return None if classifications is None else []


def _names(classification: Any, note: Note) -> list[str]:
    """Return the name of a topic and those of its intents."""
    names = [member_text(classification, ("topic_name",), note)]
    intents = classification.get("intents") if type(classification) is dict else None
    if intents is not None:
        names += member_texts("intent_name")(intents, note) or []
    return [name for name in names if name is not None]


def _custom(values: Sequence[msgspec.Raw | None], note: Note) -> bytes | None:
    metavariables, variables = values
    known = []
    if metavariables is not None and (found := json_object(metavariables, note)) is not None:
        known.append(b'"metavariables":' + found)
    if variables is not None and (found := json_object(variables, note)) is not None:
        known.append(b'"variables":' + found)
    return b"{%b}" % b",".join(known) if known else None


def _role(values: Sequence[Any], note: Note) -> str:
    """Return who speaks, or ``unknown`` if the members contradict each other or do not say."""
    kind, sender, recipient, chatter, answer = values
    if sender is not None and type(sender) is not str:
        note(sender)
    if kind == "meta":
        return "system"
    told = _told_by_names(sender, recipient, chatter)
    # The answer that triggered a message is null unless a bot sent it; generative bots have the word "None".
    answered = type(answer) is str and answer not in {"", "None"}
    return "unknown" if answered and told not in {"bot", "unknown"} else "bot" if answered else told


def _told_by_names(sender: Any, recipient: Any, chatter: Any) -> str:
    """Return who speaks by the names of both sides: ``ada``, ``bot`` or ``agent``, or the id of a chatter."""
    if type(sender) is not str or not sender or sender == recipient:
        return "unknown"
    if sender.lower() in _SIDES:
        return "bot" if sender.lower() in _BOTS else "agent"
    to_us = type(recipient) is str and recipient.lower() in _SIDES
    return "customer" if sender == chatter or (to_us and chatter is None) else "unknown"


def _visibility(kind: Any, note: Note) -> str | None:
    if type(kind) is not str:
        return note(kind)
    return "internal" if kind == "meta" else "customer"


_CONVERSATIONS: Final = RecordMapping(
    {
        "conversation_id": one("_id", identifier),
        "started_at": one("date_created", utc_text, "`date_created`, which is UTC without saying so"),
        "updated_at": first(
            "date_updated",
            "record_last_updated",
            coercion=utc_text_or_empty,
            words="`date_updated`, which is UTC without saying so; without it `record_last_updated`",
        ),
        "last_activity_at": nothing(),
        "ended_at": nothing(),
        "channel": one("platform", text),
        "direction": nothing(),
        "language": one("language", text),
        "subject": nothing(),
        "summary": one("inquiry_summary", text),
        "status": nothing(),
        "resolution": one("automated_resolution_classification", text),
        "is_resolved": one(
            "automated_resolution_classification",
            _is_resolved,
            "`automated_resolution_classification`: `Resolved` is true, `Not Resolved` false",
        ),
        "is_escalated": one("is_escalated", flag),
        "is_test": one("is_test_user", flag),
        "customer_id": one("chatter_id", identifier),
        "agent_ids": one("agent_id", strings),
        "agent_names": one("agent_name", strings),
        "tags": nothing(),
        "topics": several(
            "classifications",
            "generated_topic_v2_title",
            "generated_topic_label",
            value=_topics,
            words="`topic_name` and `intents[].intent_name` of each of `classifications`; without any "
            "`generated_topic_v2_title` or `generated_topic_label`",
        ),
        "csat_score": one("csat.score", number),
        "csat_max": nothing("none; `csat.ces_max` belongs to the effort score"),
        "csat_comment": one("csat.comment", text),
        "message_count": nothing(),
        "bot_seconds": one("bot_handle_time", number),
        "agent_seconds": one("agent_handle_time", number),
        "custom": several(
            "metavariables",
            "variables",
            value=_custom,
            words="an object of `metavariables` and `variables`",
        ),
    },
    raw=frozenset(("metavariables", "variables")),
)

_MESSAGES: Final = RecordMapping(
    {
        "conversation_id": one("conversation_id", identifier),
        "message_id": one("_id", identifier),
        "sent_at": one("date_created", utc_text),
        "updated_at": one(
            "record_last_updated", utc_text_or_empty, "`record_last_updated`; an empty object is null"
        ),
        "role": several(
            "message_data._type",
            "sender",
            "recipient",
            "chatter_id",
            "answer_id",
            value=_role,
            words="`system` if `message_data._type` is `meta`; else by `sender`: `ada` and `bot` are `bot`, "
            "`agent` is `agent`, and the `chatter_id` is `customer`, or without one any other sender whose "
            "`recipient` is `ada`, `bot` or `agent`; `bot` if there is an `answer_id` other than `None`; "
            "`unknown` if these contradict each other",
        ),
        "author_id": one("sender", identifier),
        "text": one("message_data.body", text),
        "kind": one("message_data._type", text),
        "visibility": one(
            "message_data._type", _visibility, "`internal` if `message_data._type` is `meta`, else `customer`"
        ),
        "options": one(
            "message_data.quick_replies",
            member_texts("label", "title"),
            "`message_data.quick_replies[].label`, or its `title`",
        ),
        "in_reply_to": one("in_response_to", named_text, "`in_response_to`; the word `None` is null"),
        "payload": one("message_data", json_object),
    },
)

TABLES: Final[Mappings] = {
    "conversations": {"conversations": _CONVERSATIONS},
    "messages": {"messages": _MESSAGES},
}
