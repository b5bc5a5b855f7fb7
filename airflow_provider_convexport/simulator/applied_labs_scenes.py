"""Applied Labs' records of plausible conversations; `applied_labs` has the hostile ones."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_convexport.simulator.json_templates import quoted, slot, template
from airflow_provider_convexport.simulator.lifecycle import MAIL_VARIANTS
from airflow_provider_convexport.simulator.people import AGENTS
from airflow_provider_convexport.simulator.scenes import (
    Outcome,
    Step,
    Words,
    awkward_of,
    order_of,
    said,
    scene_of,
    spoken,
    text_slot,
)
from airflow_provider_convexport.simulator.support_texts import TOPICS

if TYPE_CHECKING:
    from airflow_provider_convexport.simulator.dataset import Conversation

_STEPS: Final[tuple[Step, ...]] = ("question", "answer", "reply", "closing")
_OTHER_CHANNELS: Final = ("web_chat",) * 12 + ("sms", "phone_call", "form", "comments")
_RESOLUTIONS: Final[dict[Outcome, tuple[str | None, ...]]] = {
    "resolved": ("hard", "hard", "soft", "hard"),
    "escalated": ("escalated", "human", "escalated", "escalated"),
    "unresolved": (None, "soft", None, ""),
}
_EXTRAS: Final = 32


def resolution_of(conversation: Conversation) -> str | None:
    """Return how a conversation was resolved, as its record says."""
    scene = scene_of(conversation)
    return _RESOLUTIONS[scene.outcome][scene.bits & 3]


def conversation_values(conversation: Conversation) -> tuple[tuple[Any, ...], dict[bytes, bytes]]:
    """Return the arguments of :func:`conversation_shape`, and the values of its own slots."""
    scene, order = scene_of(conversation), order_of(conversation)
    last = len(conversation.messages) - 1
    awkward = awkward_of(conversation, last) if last % 2 == 0 else None
    slots = {
        b"order": order,
        b"order_text": quoted(order.decode()),
        b"channel": quoted(_channel(conversation.variant, scene.bits)),
        b"content": spoken(scene.words, _STEPS[last], awkward, order=order),
    }
    return (*scene.words[:3], scene.bits % _EXTRAS), slots


def _channel(variant: int, bits: int) -> str:
    return "email" if variant in MAIL_VARIANTS else _OTHER_CHANNELS[bits >> 6 & 15]


@cache
def conversation_shape(topic: int, language: str, outcome: Outcome, extra: int) -> dict[str, Any]:
    """Return a conversation with slots.

    :param topic: Number of its topic.
    :param language: Code of its language.
    :param outcome: How it ends.
    :param extra: A random number below 32, for what varies otherwise.
    """
    about, escalated = TOPICS[topic], outcome == "escalated"
    shape: dict[str, Any] = {
        "id": slot("id"),
        "agent_id": slot("agent"),
        "contact_id": slot("contact"),
        "user_id": AGENTS[0] if escalated else None,
        "created_at": slot("created"),
        "updated_at": slot("updated"),
        "direction": "outbound" if extra == 7 else "inbound",
        "type": slot("channel"),
        "status": {"resolved": "pending", "escalated": "open"}.get(outcome, ("new", None, "")[extra % 3]),
        "resolution": _RESOLUTIONS[outcome][extra & 3],
        "is_test": extra == 9,
        "title": "" if extra % 20 == 0 else about.intent,
        "summary": text_slot(about.summary),
        "start_time": slot("created"),
        "last_message_at": slot("last"),
        "last_message_content": slot("content"),
        "escalation_time": slot("updated") if escalated else None,
        "resolved_at": slot("updated") if outcome == "resolved" else None,
        "remote_id": slot("order_text") if extra % 8 == 3 else None,
        "remote_platform": "zendesk" if extra % 8 == 3 else None,
        "flags": [{"id": AGENTS[1], "name": "needs review"}] if extra % 16 == 5 else [],
        "tags": [about.id, language, "vip"][: extra % 4],
        "topic": {"id": AGENTS[2], "name": about.name} if extra % 10 else None,
        "intent": {"id": AGENTS[3], "name": about.intent} if extra % 10 > 1 else None,
        "messages": slot("messages"),
    }
    absent = {"is_test", "direction"} if extra % 32 == 4 else set()
    return {key: value for key, value in shape.items() if key not in absent}


def message_template(conversation: Conversation, number: int) -> bytes:
    """Return the template of message ``number``; it has the slot ``order``, besides those of hostile ones."""
    scene = scene_of(conversation)
    awkward = awkward_of(conversation, number) if number % 2 == 0 else None
    return _message_template(scene.words, number, awkward, _channel(conversation.variant, scene.bits))


@cache
def _message_template(words: Words, number: int, awkward: int | None, channel: str) -> bytes:
    ours = number % 2 == 1
    by_person = words[2] == "escalated" and number == len(_STEPS) - 1
    text = said(words, _STEPS[number], awkward)
    return template(
        {
            "id": slot("id"),
            "conversation_id": slot("conversation"),
            "ticket_id": None,
            "agent_id": slot("agent") if ours and not by_person else None,
            "contact_id": slot("contact"),
            "contact_remote_id": None,
            "user_id": AGENTS[0] if by_person else None,
            "role": ("agent" if by_person else "assistant") if ours else "user",
            "type": "External",
            "format": "HTML" if channel == "email" else "MARKDOWN" if ours else "TEXT",
            "status": "DELIVERED" if ours else None,
            "content": text,
            "text": text,
            "remote_id": None,
            "remote_platform": None,
            "created_at": slot("created"),
            "updated_at": slot("created"),
        }
    )
