"""AgentX's records of plausible conversations; `agentx` has the hostile ones."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_convexport.simulator.json_templates import slot, template
from airflow_provider_convexport.simulator.scenes import (
    Outcome,
    Step,
    Words,
    awkward_of,
    order_of,
    said,
    scene_of,
    spoken,
)

if TYPE_CHECKING:
    from airflow_provider_convexport.simulator.dataset import Conversation

_STEPS: Final[tuple[Step, ...]] = ("greeting", "question", "answer", "reply")
_LOCALES: Final = {"en": "en_us", "de": "de_de", "es": "es_es", "fr": "fr_fr", "ja": "ja_jp"}
_SCREENS: Final = ("1920x1080", "390x844", "1440x900", "2560x1440")
_EXTRAS: Final = 32
_BOT_TYPES: Final = ("Question", "BotMessage")


def conversation_template(conversation: Conversation) -> tuple[bytes, dict[bytes, bytes]]:
    """Return the template of a conversation, and the values of those slots that only plausible ones have."""
    scene, order = scene_of(conversation), order_of(conversation)
    count = len(conversation.messages)
    awkward = [awkward_of(conversation, number) if number % 2 else None for number in range(count)]
    texts = [
        spoken(scene.words, step, each, order=order) for step, each in zip(_STEPS, awkward, strict=False)
    ]
    _topic, language, outcome, _phrase = scene.words
    slots = {b"question": texts[1] if count > 1 else b'""', b"transcript": _transcript(texts)}
    return _conversation_template(language, outcome, count, scene.bits % _EXTRAS), slots


@cache
def _conversation_template(language: str, outcome: Outcome, count: int, extra: int) -> bytes:
    tags = ["guideInteraction"]
    tags += ["informed"] if count > _STEPS.index("answer") else []
    tags += {"resolved": ["resolved"], "escalated": ["liveChat"]}.get(outcome, [])
    metadata: dict[str, Any] = {
        "locale": _LOCALES[language],
        "browser_visitorType": "repeat" if extra % 3 else "new",
        "browser_screenResolution": _SCREENS[extra % len(_SCREENS)],
        "browser_localTime": slot("local"),
        "draft": extra == 1,
        "question": slot("question"),
        "transcript": slot("transcript"),
        "guideNodeCount": count + extra % 3,
    }
    if extra % 4 == 0:
        metadata["__sys_userAgentParsed"] = {"browser": {"name": "Firefox", "major": "144"}, "os": None}
    shape = {
        "_id": slot("id"),
        "startTime": slot("start"),
        "locale": _LOCALES[language],
        "metadata": metadata,
        "tags": [] if extra == 2 else tags,
        "userMessageCount": slot("count"),
        "lastActionAt": slot("last"),
    }
    return template({key: value for key, value in shape.items() if key != "tags" or extra != 3})


def _transcript(texts: list[bytes]) -> bytes:
    """Return the lines of a conversation as one text; each begins with its speaker and a tab."""
    lines = [b"%b:\\t%b" % ((b"Bot", b"User")[number % 2], each[1:-1]) for number, each in enumerate(texts)]
    return b'"%b"' % b"\\n".join(lines)


def message_template(conversation: Conversation, number: int) -> bytes:
    """Return the template of message ``number``; it has the slot ``order``, besides those of hostile ones."""
    scene = scene_of(conversation)
    awkward = awkward_of(conversation, number) if number % 2 else None
    return _message_template(scene.words, number, awkward, scene.bits & 3)


@cache
def _message_template(words: Words, number: int, awkward: int | None, extra: int) -> bytes:
    text = said(words, _STEPS[number], awkward)
    head = {"_id": slot("id"), "conversationId": slot("conversation"), "time": slot("time")}
    if number % 2:
        action = "action_userQuickReply" if extra == 0 and awkward is None else "action_userInput"
        return template(head | {"type": "UserInput", "userInput": text, "userActionType": action})
    offers = number == 0 and extra < 2
    options = {"options": [{"txt": "📦"}, {"txt": "↩️"}, {"txt": "👤"}]} if offers else {}
    return template(head | {"type": _BOT_TYPES[number // 2], "outMsg": {"steps": [{"text": text}]} | options})
