"""The conversations that exist: a pure function of seed, vendor and scope, never of the clock."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

SECOND: Final = 1_000_000
"""All times here are whole microseconds since the epoch; this is one second of them."""
DAY: Final = 86_400 * SECOND
LOOKBACK_DAYS: Final = 3
"""No moment of a conversation lies more than this many UTC days after the day it began."""
VARIANTS: Final = 32
"""Number of record shapes; vendors keep one template for each."""
MESSAGES_AT_MOST: Final = 4

_REGULAR, _SEAM, _TIE = 0, 1, 2
_SEAMS: Final = (0, SECOND, DAY - SECOND, DAY - 1)
_TIE_BITS: Final = 20
_LAYOUT: Final = struct.Struct(">Q12H")


@dataclass(frozen=True, slots=True)
class DatasetPlan:
    """What decides which conversations exist.

    :param seed: Any integer; another seed is another world.
    :param records: Conversations per scope over ``days``, besides seams and ties.
    :param days: Length of the history that ``records`` are spread over.
    :param ties: Additional conversations that share the instant of noon, every day.
    :param seams: Whether conversations lie exactly on and next to each midnight.
    """

    seed: int
    records: int
    days: int
    ties: int
    seams: bool

    @property
    def spacing(self) -> int:
        """Microseconds between two regular conversations."""
        return self.days * DAY // max(self.records, 1)


class Conversation(NamedTuple):
    """One conversation, before any vendor gave it a shape. Times are microseconds since the epoch.

    :param ordinal: Number that identifies it within vendor and scope; ids carry it.
    :param mark: 48 pseudo-random bits, the other half of its ids.
    :param variant: Which of the ``VARIANTS`` shapes it has.
    :param draws: Twelve pseudo-random 16-bit numbers.
    :param start: When it began.
    :param messages: When its messages were sent, ascending; the first at ``start``.
    :param updated: When it was last changed, never before the last message.
    :param silent: Whether vendors leave the time of its last message null.
    """

    ordinal: int
    mark: int
    variant: int
    draws: tuple[int, ...]
    start: int
    messages: tuple[int, ...]
    updated: int
    silent: bool


class Timeline:
    """All conversations of one scope (shop, bot or instance) of one vendor.

    :param plan: What decides which conversations exist.
    :param vendor: Name of the vendor.
    :param scope: Shop id or bot name; empty where the vendor has only one.
    """

    def __init__(self, plan: DatasetPlan, *, vendor: str, scope: str) -> None:
        self._plan = plan
        self._key = blake2b(f"{plan.seed}|{vendor}|{scope}".encode(), digest_size=32).digest()

    def day(self, day: int) -> list[Conversation]:
        """Return the conversations that began on a UTC day, counted from the epoch, in no order."""
        return [*self._regular(day), *self._seams(day), *self._ties(day)]

    def find(self, ordinal: int) -> Conversation | None:
        """Return the conversation with that ordinal, or ``None`` if there is none."""
        lane, number = ordinal & 3, ordinal >> 2
        known = {
            _REGULAR: self._plan.records > 0,
            _SEAM: self._plan.seams and number & 7 < len(_SEAMS),
            _TIE: number & (1 << _TIE_BITS) - 1 < self._plan.ties,
        }
        return self._make(lane, number=number) if known.get(lane, False) else None

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

    def _make(self, lane: int, *, number: int) -> Conversation:
        ordinal = number << 2 | lane
        digest = blake2b(ordinal.to_bytes(8, "big"), key=self._key, digest_size=32).digest()
        bits, *draws = _LAYOUT.unpack(digest)
        start = self._start(lane, number=number, draw=draws[0])
        messages = _message_times(start, draws=draws, calm=lane == _SEAM)
        return Conversation(
            ordinal=ordinal,
            mark=bits >> 16,
            variant=draws[1] % VARIANTS,
            draws=tuple(draws),
            start=start,
            messages=messages,
            updated=_updated(start, last=messages[-1], draws=draws, calm=lane == _SEAM),
            silent=lane == _REGULAR and draws[9] % 10 == 0,
        )

    def _start(self, lane: int, *, number: int, draw: int) -> int:
        if lane == _SEAM:
            return (number >> 3) * DAY + _SEAMS[number & 7]
        if lane == _TIE:
            return (number >> _TIE_BITS) * DAY + DAY // 2
        spacing = self._plan.spacing
        return number * spacing + (spacing // 2) * draw // 65536


def _message_times(start: int, *, draws: list[int], calm: bool) -> tuple[int, ...]:
    """Return one to four times; one conversation in eight is taken up again a day or so later."""
    count = 1 + draws[2] % MESSAGES_AT_MOST
    if calm and start // DAY % 2 == 0:
        count = 1
    times = [start]
    for number in range(1, count):
        times.append(times[-1] + 5 * SECOND + draws[2 + number] * 9001)
    if count > 1 and not calm and draws[6] % 8 == 0:
        times[-1] += DAY // 2 + draws[7] * SECOND * 3 // 2
    return tuple(times)


def _updated(start: int, *, last: int, draws: list[int], calm: bool) -> int:
    """Return the time of the last change; conversations on a seam are changed on a seam too."""
    if calm:
        return start + DAY
    if draws[8] % 3 == 0:
        return last + draws[10] * SECOND * 3 // 2
    return last + draws[10] % 600 * SECOND
