"""What is said and what comes of it in each conversation: the plausible side of the records.

A scene is a pure function of the conversation's random bits. All vendors render the same kind of scenes.
"""

from __future__ import annotations

import json
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from airflow_provider_convexport.simulator.json_templates import Slot
from airflow_provider_convexport.simulator.support_texts import (
    ANSWERS,
    APOLOGIES,
    AWKWARD,
    COMPLAINTS,
    GOODBYES,
    GREETINGS,
    HANDOVERS,
    OPENERS,
    QUESTIONS,
    THANKS,
)

if TYPE_CHECKING:
    from airflow_provider_convexport.simulator.dataset import Conversation

Outcome = Literal["resolved", "escalated", "unresolved"]
"""How a conversation ends: the bot's answer helps, a person takes over, or the customer gives up."""
Step = Literal["greeting", "question", "answer", "reply", "closing"]
"""A message's place in the conversation; greeting, answer and closing are the shop's."""

_TOPIC_SHARES: Final = (15, 9, 8, 8, 5, 6, 4, 3, 3, 3)
_TOPIC_OF: Final = tuple(topic for topic, share in enumerate(_TOPIC_SHARES) for _ in range(share))
_LANGUAGE_OF: Final = ("en",) * 17 + ("de",) * 6 + ("es",) * 4 + ("fr",) * 3 + ("ja",) * 2
_OUTCOME_OF: Final[tuple[Outcome, ...]] = ("resolved",) * 20 + ("escalated",) * 7 + ("unresolved",) * 5
_SCORES: Final[dict[Outcome, tuple[int, ...]]] = {
    "resolved": (5, 5, 5, 4, 5, 4, 3, 5),
    "escalated": (4, 5, 2, 3, 1, 5, 4, 2),
    "unresolved": (1, 1, 2, 1, 3, 2, 1, 4),
}
_GOOD_SCORE: Final = 4
_COMMENTS: Final[dict[bool, tuple[str, ...]]] = {
    True: ("Quick and friendly.", "👍", "", "Solved in two minutes"),
    False: ("Took too long.", "😡", "", "The bot did not understand me, and nobody called back."),
}


Words = tuple[int, str, Outcome, int]
"""What decides about the texts: number of the topic, ISO 639-1 code of the language, outcome, and which of
four ways to say it people use."""


class Scene(NamedTuple):
    """What happens in a conversation.

    :param words: What decides about its texts.
    :param bits: Further random bits, 0 to 65535.
    """

    words: Words
    bits: int

    @property
    def outcome(self) -> Outcome:
        """How it ends."""
        return self.words[2]

    @property
    def score(self) -> int | None:
        """The customer's rating from 1 to 5; three of four customers leave none."""
        return _SCORES[self.outcome][self.bits & 7] if self.bits >> 3 & 3 == 0 else None

    @property
    def comment(self) -> str:
        """What the customer adds to a rating."""
        return _COMMENTS[(self.score or 0) >= _GOOD_SCORE][self.bits >> 5 & 3]


def scene_of(conversation: Conversation) -> Scene:
    """Return what happens in a conversation; one without a reply was given up."""
    return _scene(conversation.id_bits, len(conversation.messages) > 1)


@lru_cache(maxsize=4096)
def _scene(bits: int, has_replies: bool) -> Scene:
    outcome = _OUTCOME_OF[bits >> 11 & 31] if has_replies else "unresolved"
    words = (_TOPIC_OF[bits & 63], _LANGUAGE_OF[bits >> 6 & 31], outcome, bits >> 16 & 3)
    return Scene(words, bits >> 18 & 0xFFFF)


def order_of(conversation: Conversation) -> bytes:
    """Return the number of the order that a conversation is about, six digits."""
    return b"%06d" % (100_000 + conversation.id_bits % 800_000)


def awkward_of(conversation: Conversation, number: int) -> int | None:
    """Return which awkward text the customer's message ``number`` is; ``None`` for 97 of a hundred."""
    draw = (conversation.id_bits >> 34) + number * 37
    return draw >> 5 & 15 if draw & 31 == 0 else None


@cache
def said(words: Words, step: Step, awkward: int | None = None) -> Slot:
    """Return what is said in a step, for a template with the slot ``order``.

    :param words: What decides about the texts of the scene.
    :param awkward: Which awkward text the customer writes instead.
    """
    topic, language, outcome, phrase = words
    if awkward is not None:
        return text_slot(AWKWARD[awkward])
    helped = outcome == "resolved"
    closings = {"resolved": GOODBYES, "escalated": HANDOVERS, "unresolved": APOLOGIES}
    texts: dict[Step, str] = {
        "greeting": GREETINGS[language],
        "question": OPENERS[language][phrase] + QUESTIONS[language][topic],
        "answer": ANSWERS[language][topic],
        "reply": (THANKS if helped else COMPLAINTS)[language][phrase],
        "closing": closings[outcome][language],
    }
    return text_slot(texts[step])


def spoken(words: Words, step: Step, awkward: int | None, *, order: bytes) -> bytes:
    """Return what is said in a step as JSON, for slots; the arguments are those of :func:`said`."""
    return said(words, step, awkward).text.encode() % {b"order": order}


def text_slot(text: str) -> Slot:
    """Return a text as a JSON string for a template; ``{order}`` becomes the slot ``order``."""
    quoted = json.dumps(text, ensure_ascii=False).replace("%", "%%")
    return Slot(quoted.replace("{order}", "%(order)b"))
