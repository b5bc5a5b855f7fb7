"""Ada's records of plausible conversations; `ada` has the hostile ones."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_convexport.simulator.json_templates import compact_json, slot, template
from airflow_provider_convexport.simulator.scenes import (
    Outcome,
    Step,
    Words,
    awkward_of,
    order_of,
    said,
    scene_of,
    text_slot,
)
from airflow_provider_convexport.simulator.support_texts import TOPICS

if TYPE_CHECKING:
    from airflow_provider_convexport.simulator.dataset import Conversation

_STEPS: Final[tuple[Step, ...]] = ("question", "answer", "reply", "closing")
_AGENTS: Final = (("66b0a6e17000000000000001", "Maya Lindqvist"), ("66b0a6e17000000000000002", "Zoë Ortiz"))
_BROWSERS: Final = (
    ("chrome", "141.0", "windows"), ("safari", "18.5", "ios"), ("chrome", "141.0", "android"),
    ("firefox", "144.0", "linux"),
)  # fmt: skip
_REASONS: Final[dict[Outcome, str]] = {
    "resolved": "The answer covered the question and the customer was content.",
    "escalated": "The customer asked for a person.",
    "unresolved": "The customer left before the question was answered.",
}
_EXTRAS: Final = 8


def conversation_template(conversation: Conversation) -> tuple[bytes, dict[bytes, bytes]]:
    """Return the template of a conversation, and the values of those slots that only plausible ones have."""
    scene = scene_of(conversation)
    order, escalated = order_of(conversation), scene.outcome == "escalated"
    slots = {
        b"order": order,
        b"order_text": b'"%b"' % order if scene.bits % 9 else b'""',
        b"test": b"true" if scene.bits % 50 == 0 else b"false",
        b"csat": b"null" if (score := scene.score) is None else _satisfaction(score, scene.comment),
        b"bot_seconds": b"%d.%d" % (4 + scene.bits % 50, scene.bits % 10),
        b"agent_seconds": b"%d.5" % (60 + scene.bits % 900) if escalated else b"null",
        b"user": b"null" if scene.bits & 3 == 0 else b'"user-%d"' % (10_000 + conversation.draws[4] % 300),
        # The sample of the vendor's page has an empty object here.
        b"recorded": b"null" if scene.bits % 31 == 0 else b"{}",
    }
    return _conversation_template(*scene.words[:3], scene.bits % _EXTRAS), slots


@cache
def _conversation_template(topic: int, language: str, outcome: Outcome, extra: int) -> bytes:
    browser, browser_version, device = _BROWSERS[extra % len(_BROWSERS)]
    agents = [_AGENTS[extra % 2]] if outcome == "escalated" else []
    last_id, last_name = agents[-1] if agents else (None, None)
    shape = {
        "_id": slot("id"),
        "agent_id": [agent for agent, _name in agents],
        "agent_name": [name for _agent, name in agents],
        "last_agent_id": last_id,
        "last_agent_name": last_name,
        "agent_handle_time": slot("agent_seconds"),
        "bot_handle_time": slot("bot_seconds"),
        "automated_resolution_classification": "Resolved" if outcome == "resolved" else "Not Resolved",
        "automated_resolution_classification_reason": _REASONS[outcome],
        "browser": browser,
        "browser_version": browser_version,
        "device": device,
        "language": language,
        "oauth_channel": None,
        "platform": "chat",
        "chatter_id": slot("chatter"),
        "end_user_id": slot("user"),
        "csat": slot("csat"),
        "date_created": slot("created"),
        "date_updated": slot("updated"),
        "record_last_updated": slot("recorded"),
        "inquiry_summary": text_slot(TOPICS[topic].summary) if extra != 3 else "",
        "is_engaged": outcome != "unresolved",
        "is_escalated": outcome == "escalated",
        "is_test_user": slot("test"),
        "metavariables": {"browser": browser, "page": "/help", "returning": extra % 2 == 0},
        "variables": {"order_number": slot("order_text"), "shop_country": language},
        "changeset_id": "baseline",
    }
    return template(shape | _topic(topic, extra=extra) | _uses(topic, outcome=outcome, extra=extra))


def _topic(number: int, *, extra: int) -> dict[str, Any]:
    about, known = TOPICS[number], extra > 1
    intent = {"intent_id": f"i{number}", "intent_name": about.intent, "status": "active"}
    classified = {"topic_id": f"t{number}", "topic_name": about.name, "intents": [intent]}
    return {
        "classifications": [classified] if known else [],
        "generated_topic_id": f"66b0704c00000000000000{number:02d}" if known else None,
        "generated_topic_label": about.name if known else None,
        "generated_topic_v2_id": f"t{number}" if known else None,
        "generated_topic_v2_title": about.intent if known else None,
        "generated_topic_v2_desc": about.article if known else None,
        "generated_topic_v2_parent_id": None,
    }


def _uses(number: int, *, outcome: Outcome, extra: int) -> dict[str, Any]:
    about = TOPICS[number]
    url = f"https://help.example.com/{about.id}"
    article = {"id": f"a{number}", "name": about.article, "url": url, "source": "help center"}
    coaching = {
        "id": "c1",
        "entity_name": about.name,
        "coaching_type": "tone",
        "coaching_instructions": "Apologise once, then say what happens next.",
        "coaching_intent": about.intent,
    }
    playbook = {
        "id": f"p{number}",
        "name": about.intent,
        "playbook_execution_id": None,
        "outcome_status": "completed" if outcome == "resolved" else "handed_over",
    }
    return {
        "used_articles": [article] if outcome == "resolved" else [],
        "used_coaching": [coaching] if extra % 5 == 1 else [],
        "used_playbooks": [playbook] if extra % 4 == 2 else [],
    }


@cache
def _satisfaction(score: int, comment: str) -> bytes:
    return compact_json(
        {
            "style": "EMOJI",
            "survey_type": "end_chat",
            "score": score,
            "is_positive": score > 3,
            "comment": comment or None,
            "feedback": None,
            "resolved": None,
            "customer_effort_score": None,
            "ces_max": None,
            "net_promoter_score": None,
        }
    )


def message_template(conversation: Conversation, number: int) -> bytes:
    """Return the template of message ``number``; it has the slot ``order``, besides those of hostile ones."""
    scene = scene_of(conversation)
    awkward = awkward_of(conversation, number) if number % 2 == 0 else None
    return _message_template(scene.words, number, awkward, scene.bits & 7)


@cache
def _message_template(words: Words, number: int, awkward: int | None, extra: int) -> bytes:
    topic, _language, outcome, _phrase = words
    ours = number % 2 == 1
    by_person = outcome == "escalated" and number == len(_STEPS) - 1
    body = said(words, _STEPS[number], awkward)
    data: dict[str, Any] = {
        "_type": "text", "body": body, "has_variables": ours and not by_person, "reviewable_message": ours
    }  # fmt: skip
    if ours and extra == 0 and not by_person:
        data = {"_type": "quick_replies", "body": body, "quick_replies": [{"label": "👍"}, {"label": "👎"}]}
    shape = {
        "_id": slot("id"),
        "conversation_id": slot("conversation"),
        "chatter_id": slot("chatter"),
        "answer_id": f"66b0a15e00000000000000{topic:02d}" if number == 1 else "None" if ours else None,
        "answer_title": TOPICS[topic].article if number == 1 else None,
        "date_created": slot("created"),
        "record_last_updated": slot("recorded"),
        "link_was_clicked": extra == 1 if ours else None,
        "message_data": data,
        "recipient": slot("chatter") if ours else "ada",
        "sender": ("agent" if by_person else "ada") if ours else slot("chatter"),
        "review": int(ours and extra == 2),
        "in_response_to": slot("before"),
    }
    return template(shape)
