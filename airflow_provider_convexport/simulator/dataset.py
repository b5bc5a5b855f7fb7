"""The conversations that exist: a pure function of the plan, the vendor and the scope, not of the clock."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

from airflow_provider_convexport.simulator.rhythm import in_rhythm
from airflow_provider_convexport.simulator.times import DAY, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOKBACK_DAYS: Final = 3
"""No time of a conversation lies more than this many UTC days after the day on which it began."""
VARIANTS: Final = 32
"""Number of record shapes; vendors have one template for each."""
MAX_MESSAGES: Final = 4
"""Largest number of messages of a conversation."""

_REGULAR, _SEAM, _TIE = 0, 1, 2
_SEAMS: Final = (0, SECOND, DAY - SECOND, DAY - 1)
_TIE_BITS: Final = 20
_LAYOUT: Final = struct.Struct(">Q12H")


@dataclass(frozen=True, slots=True)
class DatasetPlan:
    """The settings that determine which conversations exist.

    :param seed: Any integer; another seed gives entirely different conversations.
    :param records: Conversations per scope over ``days``, not counting seams and ties.
    :param days: Length of the history over which ``records`` are spread.
    :param ties: Additional conversations that share the instant of noon, every day.
    :param seams: Whether conversations begin exactly on, before and after each midnight UTC.
    :param hostile: Whether records hold what breaks readers, and times are spread evenly over the day;
        otherwise they are plausible. Every day has the same number of records either way.
    """

    seed: int
    records: int
    days: int
    ties: int
    seams: bool
    hostile: bool

    @property
    def spacing(self) -> int:
        """Microseconds between two regular conversations."""
        return self.days * DAY // max(self.records, 1)


class State(NamedTuple):
    """What has happened to a living conversation up to a moment; times are microseconds since the epoch.

    :param edits: How often its subject, summary or tags were edited.
    :param rated: When it was rated, or ``None``.
    :param ended: When it was resolved, or ``None``.
    :param clicked: For each message that exists when a link of it was first clicked, or ``None``.
    :param reviewed: For each message that exists when it was reviewed, or ``None``.
    """

    edits: int
    rated: int | None
    ended: int | None
    clicked: tuple[int | None, ...]
    reviewed: tuple[int | None, ...]


class Conversation(NamedTuple):
    """One conversation, independent of any vendor's format. Times are microseconds since the epoch.

    :param ordinal: Number that identifies it within vendor and scope; part of its ids.
    :param id_bits: 48 pseudo-random bits, the other part of its ids.
    :param variant: Which of the ``VARIANTS`` shapes it has.
    :param draws: Twelve pseudo-random 16-bit numbers.
    :param start: When it began.
    :param messages: When its messages were sent, ascending; the first at ``start``.
    :param updated: When it was last changed, never before the last message.
    :param hides_last_message: Whether vendors that serve the time of the last message serve null.
    :param hostile: Whether it is rendered with values that break readers.
    :param state: What has happened to it so far; ``None`` if it is shown in its final state.
    """

    ordinal: int
    id_bits: int
    variant: int
    draws: tuple[int, ...]
    start: int
    messages: tuple[int, ...]
    updated: int
    hides_last_message: bool
    hostile: bool
    state: State | None = None


class ScopeDataset:
    """All conversations of one scope (shop, bot or instance) of one vendor.

    :param plan: The settings that determine which conversations exist.
    :param vendor: Name of the vendor.
    :param scope: Shop id or bot name; empty where the vendor has only one.
    """

    def __init__(self, plan: DatasetPlan, *, vendor: str, scope: str) -> None:
        self._plan = plan
        self._key = blake2b(f"{plan.seed}|{vendor}|{scope}".encode(), digest_size=32).digest()

    def day(self, day: int) -> list[Conversation]:
        """Return the conversations that began on a UTC day, counted from the epoch, in any order."""
        return [*self._regular(day), *self._seams(day), *self._ties(day)]

    def find(self, ordinal: int) -> Conversation | None:
        """Return the conversation with that ordinal, or ``None`` if there is none."""
        kind, number = ordinal & 3, ordinal >> 2
        known = {
            _REGULAR: self._plan.records > 0,
            _SEAM: self._plan.seams and number & 7 < len(_SEAMS),
            _TIE: number & (1 << _TIE_BITS) - 1 < self._plan.ties,
        }
        return self._make(kind, number=number) if known.get(kind, False) else None

    def _regular(self, day: int) -> Iterator[Conversation]:
        if not self._plan.records:
            return
        spacing = self._plan.spacing
        for number in range(max(day * DAY // spacing - 1, 0), (day + 1) * DAY // spacing + 1):
            conversation = self._make(_REGULAR, number=number)
            if conversation.start // DAY == day:
                yield conversation

    def _seams(self, day: int) -> Iterator[Conversation]:
        if self._plan.seams:
            for which in range(len(_SEAMS)):
                yield self._make(_SEAM, number=day << 3 | which)

    def _ties(self, day: int) -> Iterator[Conversation]:
        for which in range(self._plan.ties):
            yield self._make(_TIE, number=day << _TIE_BITS | which)

    def _make(self, kind: int, *, number: int) -> Conversation:
        ordinal = number << 2 | kind
        digest = blake2b(ordinal.to_bytes(8, "big"), key=self._key, digest_size=32).digest()
        bits, *draws = _LAYOUT.unpack(digest)
        start = self._start(kind, number=number, draw=draws[0])
        messages = _message_times(start, draws=draws, on_seam=kind == _SEAM)
        updated = _updated(start, last=messages[-1], draws=draws, on_seam=kind == _SEAM)
        if kind == _REGULAR and not self._plan.hostile:
            messages, updated = tuple(map(in_rhythm, messages)), in_rhythm(updated)
        return Conversation(
            ordinal=ordinal,
            id_bits=bits >> 16,
            variant=draws[1] % VARIANTS,
            draws=tuple(draws),
            start=messages[0],
            messages=messages,
            updated=updated,
            hides_last_message=kind == _REGULAR and draws[9] % 10 == 0,
            hostile=self._plan.hostile,
        )

    def _start(self, kind: int, *, number: int, draw: int) -> int:
        if kind == _SEAM:
            return (number >> 3) * DAY + _SEAMS[number & 7]
        if kind == _TIE:
            return (number >> _TIE_BITS) * DAY + DAY // 2
        spacing = self._plan.spacing
        return number * spacing + (spacing // 2) * draw // 65536


def _message_times(start: int, *, draws: list[int], on_seam: bool) -> tuple[int, ...]:
    """Return one to four times; in one of eight conversations the last message comes about a day later."""
    count = 1 + draws[2] % MAX_MESSAGES
    if on_seam and start // DAY % 2 == 0:
        count = 1
    times = [start]
    for number in range(1, count):
        times.append(times[-1] + 5 * SECOND + draws[2 + number] * 9001)
    if count > 1 and not on_seam and draws[6] % 8 == 0:
        times[-1] += DAY // 2 + draws[7] * SECOND * 3 // 2
    return tuple(times)


def _updated(start: int, *, last: int, draws: list[int], on_seam: bool) -> int:
    """Return the time of the last change; conversations that begin on a seam change on a seam, too."""
    if on_seam:
        return start + DAY
    if draws[8] % 3 == 0:
        return last + draws[10] * SECOND * 3 // 2
    return last + draws[10] % 600 * SECOND
