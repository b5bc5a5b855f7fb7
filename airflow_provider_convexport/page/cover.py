"""Which part of a day is published, and by which versions: the newest one of each moment counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Commit(NamedTuple):
    """An event of an export: who published what, and when.

    :param at: When the event was sent, in epoch seconds.
    :param requests: Requests of the whole run; so are the next three, ``None`` if the event does not say.
    :param waited: Seconds that it waited for the vendor's limits.
    """

    event: int
    at: float
    dag_id: str
    task_id: str
    run_id: str
    map_index: int
    requests: int
    duplicates: int | None
    dropped: int | None
    waited: float | None
    interval: tuple[str, str]


class Piece(NamedTuple):
    """A span of time that an event says was published.

    :param start: First moment, inclusive, in epoch seconds.
    :param end: Last moment, exclusive.
    :param records: Number of its records; ``None`` if the event does not say.
    :param size: Bytes of its files; ``None`` likewise.
    :param version: Id of the version; empty if the event does not say.
    :param early: Whether the vendor was asked before it had everything.
    :param commit: Who published it.
    """

    start: int
    end: int
    records: int | None
    size: int | None
    version: str
    early: bool
    commit: Commit


class Cover(NamedTuple):
    """What is published of a day.

    :param is_whole: Whether all of it is.
    :param is_partly: Whether some of it is, but not all.
    :param records: Number of its records; ``None`` if events do not say.
    :param size: Bytes of its files; ``None`` likewise.
    :param is_early: Whether a part was asked for before the vendor had everything.
    :param versions: Ids of the versions of its parts.
    """

    is_whole: bool
    is_partly: bool
    records: int | None
    size: int | None
    is_early: bool
    versions: tuple[str, ...]


NOTHING = Cover(False, False, 0, 0, False, ())

Spans = list[tuple[int, int]]


def cover_of(pieces: Sequence[Piece], start: int, end: int) -> Cover:
    """Return what is published of the span from ``start`` to ``end``.

    :param pieces: What was published, the newest last.
    """
    if not pieces:
        return NOTHING
    newest = pieces[-1]
    if newest.start == start and newest.end == end:
        return Cover(True, False, newest.records, newest.size, newest.early, (newest.version,))
    left: Spans = [(start, end)]
    seen: list[tuple[Piece, bool]] = []
    for piece in reversed(pieces):
        rest = without(left, piece.start, piece.end)
        if gone := length(left) - length(rest):
            seen.append((piece, gone == piece.end - piece.start))
        left = rest
        if not left:
            break
    is_partly = bool(seen) and bool(left)
    return Cover(
        is_whole=not left,
        is_partly=is_partly,
        records=_total([(piece.records, is_exact) for piece, is_exact in seen]),
        size=_total([(piece.size, is_exact) for piece, is_exact in seen]),
        is_early=any(piece.early for piece, _ in seen),
        versions=tuple(dict.fromkeys(piece.version for piece, _ in seen)),
    )


def without(spans: Spans, start: int, end: int) -> Spans:
    """Return the parts of spans outside of one span."""
    rest = []
    for first, last in spans:
        if first < min(start, last):
            rest.append((first, min(start, last)))
        if last > max(end, first):
            rest.append((max(end, first), last))
    return rest if start < end else list(spans)


def length(spans: Spans) -> int:
    """Return the seconds that spans last together."""
    return sum(last - first for first, last in spans)


def _total(parts: list[tuple[int | None, bool]]) -> int | None:
    """Return a sum; ``None`` if a part is not known, or counts only partly and is not zero."""
    known = [count for count, is_exact in parts if count is not None and (is_exact or count == 0)]
    return sum(known) if len(known) == len(parts) else None
