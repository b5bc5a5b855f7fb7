"""Deduplication by id: exact, and in bounded memory for intervals of any length.

While pages arrive, `RecentIds` finds duplicates that arrive soon after the first copy, which is nearly all of
them; ids near the ends of request windows, which two windows return, are not forgotten. `find_duplicates`
finds the others among the ids of all staged segments at the end.
"""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_convexport.export.dataset.temporary import temporary_folder_explained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import IO

    from airflow_provider_convexport.export.stage.segment import Segment

_BUCKETS = 128
"""Number of temporary files for ids; each is searched separately, so 1/128 of all ids is in memory."""

_BUFFERED = 32_768
"""Number of ids buffered in memory before they are written to the temporary files."""


@dataclass(slots=True)
class RecentIds:
    """The ids of the most recent records, in bounded memory.

    Nearly all duplicates arrive soon after the first copy (overlapping pages, seams of request windows).

    :param capacity: Minimum number of ids in memory; the maximum is twice as many plus one page.
    :param forgot: Whether an id has been forgotten.
    :param max_kept: Maximum number of ids that are kept for ever.
    """

    capacity: int = 16_384
    forgot: bool = False
    max_kept: int = 65_536
    _young: set[str] = field(default_factory=set)
    _old: set[str] = field(default_factory=set)
    _kept: set[str] = field(default_factory=set)

    def has_any(self, ids: Sequence[str]) -> bool:
        """Return whether one of ``ids`` is remembered or occurs twice in ``ids``."""
        remembered = (self._young, self._old, self._kept)
        return not all(each.isdisjoint(ids) for each in remembered) or len(set(ids)) != len(ids)

    def __contains__(self, identity: str) -> bool:
        return identity in self._young or identity in self._old or identity in self._kept

    def is_new(self, identity: str) -> bool:
        """Remember an id and return whether it was new."""
        if identity in self:
            return False
        self._young.add(identity)
        return True

    def add(self, ids: Sequence[str]) -> None:
        """Remember ids that are known to be new."""
        self._young.update(ids)

    def keep(self, ids: Iterable[str]) -> None:
        """Never forget ids; if they would become too many, they are forgotten like others."""
        if len(self._kept) < self.max_kept:
            self._kept.update(ids)

    def rotate(self) -> None:
        """Forget the older half if the younger one is full; call it after each page."""
        if len(self._young) >= self.capacity:
            self.forgot = self.forgot or bool(self._old)
            self._old, self._young = self._young, set()


@dataclass(slots=True)
class StagedIds:
    """The ids of staged segments, on the worker's disk; few are in memory.

    They are kept while segments are staged, because reading them back from a distant store takes long. No
    folder lists the files, so nothing is left of them if the process is killed.

    :param buckets: Number of temporary files.
    :param buffered: Number of ids in memory before they are written to the temporary files.
    """

    buckets: int = _BUCKETS
    buffered: int = _BUFFERED
    _positions: set[int] = field(default_factory=set)
    _buffers: list[tuple[list[str], list[int]]] = field(init=False)
    _count: int = 0
    _files: list[IO[bytes]] = field(default_factory=list)
    _open: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _is_closed: bool = False

    def __post_init__(self) -> None:
        self._buffers = [([], []) for _ in range(self.buckets)]

    def add(self, position: int, ids: Sequence[str]) -> None:
        """Add the ids of a segment.

        :param position: Number of the segment in the run.
        :param ids: Its ids.
        :raises WorkerDiskError: if the worker's temporary folder is full or cannot be written to.
        """
        if self._is_closed:
            return
        self._positions.add(position)
        buckets, buffers = self.buckets, self._buffers
        for identity in ids:
            some, positions = buffers[hash(identity) % buckets]
            some.append(identity)
            positions.append(position)
        self._count += len(ids)
        if self._count >= self.buffered:
            self._write()

    def __contains__(self, position: int) -> bool:
        return position in self._positions

    def repeated(self) -> tuple[frozenset[str], frozenset[int]]:
        """Return the ids that occur more than once, and the positions of the segments that contain them."""
        repeated = set[str]()
        positions = set[int]()
        for bucket in range(self.buckets):
            ids, found = self._read(bucket)
            if len(set(ids)) != len(ids):
                seen = set[str]()
                here = {one for one in ids if one in seen or seen.add(one)}  # type: ignore[func-returns-value]
                positions.update(at for one, at in zip(ids, found, strict=True) if one in here)
                repeated |= here
        return frozenset(repeated), frozenset(positions)

    def close(self) -> None:
        """Remove the temporary files; what is added afterwards is not kept."""
        self._is_closed = True
        self._open.close()

    def _write(self) -> None:
        if not self._files:
            with temporary_folder_explained():
                for _ in range(self.buckets):
                    new = tempfile.TemporaryFile()  # noqa: SIM115 - the stack closes it
                    self._files.append(self._open.enter_context(new))
        with temporary_folder_explained(opened=True):
            for file, (ids, positions) in zip(self._files, self._buffers, strict=True):
                if ids:
                    file.write(msgspec.json.encode((ids, positions)) + b"\n")
                    ids.clear()
                    positions.clear()
        self._count = 0

    def _read(self, bucket: int) -> tuple[list[str], list[int]]:
        ids, positions = self._buffers[bucket]
        ids, positions = ids.copy(), positions.copy()
        if self._files:
            with temporary_folder_explained(opened=True):
                self._files[bucket].seek(0)
                for line in self._files[bucket]:
                    more = _DECODER.decode(line)
                    ids += more[0]
                    positions += more[1]
        return ids, positions


_DECODER = msgspec.json.Decoder(tuple[list[str], list[int]])


def find_duplicates(
    segments: Sequence[Segment], ids_of: Callable[[Segment], list[str]], known: StagedIds
) -> dict[int, frozenset[int]]:
    """Return the numbers of the lines that are duplicates of earlier lines, by segment.

    :param segments: All segments of a run, in the order of publication; the first copy of a record is not a
        duplicate.
    :param ids_of: Reads a segment's ids, in the order of its lines.
    :param known: The ids of those segments that need not be read for this; those of the others are added.
    :returns: Line numbers, from 0, by position in ``segments``.
    """
    for position, segment in enumerate(segments):
        if position not in known:
            known.add(position, ids_of(segment))
    repeated, positions = known.repeated()
    seen = set[str]()
    drops: dict[int, frozenset[int]] = {}
    for position in sorted(positions):
        lines = set[int]()
        for line, identity in enumerate(ids_of(segments[position])):
            if identity in repeated:
                if identity in seen:
                    lines.add(line)
                seen.add(identity)
        if lines:
            drops[position] = frozenset(lines)
    return drops
