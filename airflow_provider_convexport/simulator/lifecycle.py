"""The life of a conversation: when it is written to, edited, rated, ended and, rarely, deleted.

With the setting ``living`` a record is served as it is at a moment. Its state is a pure function of the seed,
of the record and of that moment, so the simulator remembers nothing between requests.
"""

from __future__ import annotations

from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

from airflow_provider_convexport.simulator.dataset import MAX_MESSAGES, VARIANTS, State
from airflow_provider_convexport.simulator.times import DAY, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_convexport.simulator.dataset import Conversation

LIFE_DAYS: Final = 27
"""No message, edit, rating or end lies more than this many UTC days after the day of the beginning."""
MAIL_VARIANTS: Final = frozenset(variant for variant in range(VARIANTS) if variant % 9 == 5)
"""The shapes of conversations by e-mail, most of which get replies on the next days."""

_MINUTE: Final = 60 * SECOND
_HOUR: Final = 60 * _MINUTE
_MIDNIGHTS: Final = (0, SECOND, DAY - SECOND, DAY - 1)
_REMEMBERED: Final = 50_000


class Life(NamedTuple):
    """Everything that ever happens to a conversation; times are microseconds since the epoch.

    :param messages: When its messages are sent, ascending; the first at its beginning.
    :param edited: When its subject, summary or tags are edited, ascending.
    :param rated: When it is rated, or ``None``.
    :param ended: When it is resolved, after its last message, or ``None``.
    :param clicked: For each message when a link of it is first clicked, or ``None``.
    :param reviewed: For each message when it is reviewed, or ``None``.
    :param deleted: From when on it is not served any more, or ``None``.
    """

    messages: tuple[int, ...]
    edited: tuple[int, ...]
    rated: int | None
    ended: int | None
    clicked: tuple[int | None, ...]
    reviewed: tuple[int | None, ...]
    deleted: int | None


def at_moment(conversation: Conversation, as_of: int) -> Conversation | None:
    """Return a conversation as it is at a moment, with its ``state``, or ``None`` if it does not exist then.

    :param as_of: The moment in microseconds since the epoch; what happens at this very moment has happened.
    """
    life = life_of(conversation)
    if as_of < conversation.start or _past(life.deleted, as_of=as_of):
        return None
    messages = tuple(at for at in life.messages if at <= as_of)
    edited = [at for at in life.edited if at <= as_of]
    rated, ended = _past(life.rated, as_of=as_of), _past(life.ended, as_of=as_of)
    clicked = tuple(_past(at, as_of=as_of) for at in life.clicked[: len(messages)])
    reviewed = tuple(_past(at, as_of=as_of) for at in life.reviewed[: len(messages)])
    return conversation._replace(
        messages=messages,
        updated=max(messages[-1], rated or 0, ended or 0, *edited),
        state=State(len(edited), rated, ended, clicked, reviewed),
    )


@lru_cache(maxsize=_REMEMBERED)
def life_of(conversation: Conversation) -> Life:
    """Return the life of a conversation."""
    seed = conversation.id_bits << 64 | conversation.ordinal
    chance = Random(seed).random  # noqa: S311  # The records are made up; nothing here is a secret.
    messages = tuple(_message_times(conversation, chance=chance))
    last = messages[-1]
    return Life(
        messages=messages,
        edited=tuple(sorted(_edits(conversation.start, chance=chance))),
        rated=_maybe(0.3, last + 20 * _HOUR, 8 * _HOUR, chance=chance),
        ended=_maybe(0.6, last + _MINUTE, 2 * DAY, chance=chance),
        clicked=tuple(_maybe(0.2, at + _MINUTE, 2 * DAY, chance=chance) for at in messages),
        reviewed=tuple(_maybe(0.1, at + _HOUR, 12 * DAY, chance=chance) for at in messages),
        deleted=_maybe(0.02, conversation.start + _HOUR, 14 * DAY, chance=chance),
    )


def _message_times(conversation: Conversation, *, chance: Callable[[], float]) -> Iterator[int]:
    """Yield one to four times: minutes apart, and in some conversations replies on the next days.

    A tenth of these threads is taken up again one or two weeks after everybody had thought it ended.
    """
    has_replies = chance() < (0.85 if conversation.variant in MAIL_VARIANTS else 0.15)
    replies = (1 + (chance() < 0.5)) if has_replies else 0
    count = min(len(conversation.messages) + replies, MAX_MESSAGES)
    at = conversation.start
    for number in range(count):
        if number >= max(count - replies, 1):
            at += 6 * _HOUR + int(chance() * 60 * _HOUR)
            at += 8 * DAY + int(chance() * 6 * DAY) if number == count - 1 and chance() < 0.1 else 0
        elif number:
            at += 10 * SECOND + int(chance() * 10 * _MINUTE)
        yield at


def _edits(start: int, *, chance: Callable[[], float]) -> Iterator[int]:
    """Yield the times of edits: most of them soon, few of them after weeks, and some exactly at midnight."""
    if start % DAY in _MIDNIGHTS:
        yield start + DAY
    for _ in range(int(chance() * 3)):
        yield start + 2 * _MINUTE + int(chance() ** 3 * 25 * DAY)


def _maybe(probability: float, earliest: int, spread: int, *, chance: Callable[[], float]) -> int | None:
    """Return a time within ``spread`` after ``earliest``, or ``None`` if the thing never happens."""
    happens, share = chance() < probability, chance()
    return earliest + int(share * spread) if happens else None


def _past(at: int | None, *, as_of: int) -> int | None:
    return at if at is not None and at <= as_of else None
