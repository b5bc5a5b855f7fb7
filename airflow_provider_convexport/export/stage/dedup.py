"""Deduplication by id: exact, and in bounded memory for intervals of any length.

While pages arrive, `RecentIds` finds duplicates that arrive soon after the first copy, which is nearly all of
them; ids near the ends of request windows, which two windows return, are not forgotten. `find_duplicates`
finds the others among the ids of all staged segments at the end.
"""

from __future__ import annotations

import contextlib
import tempfile
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_convexport.export.dataset.temporary import temporary_folder_explained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import IO

    from airflow_provider_convexport.export.stage.segment import Segment

_BUCKETS = 128
"""Maximum number of temporary files that are searched separately; of more hashes than fit in memory as often,
1/128 is in memory at a time."""

_BUFFERED = 32_768
"""Number of hashes in memory before they are written to the temporary file."""


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

    def add_if_new(self, ids: Sequence[str]) -> bool:
        """Remember ids and return whether all were new and different; if not, none is remembered."""
        different = set(ids)
        is_new = len(different) == len(ids) and all(map(different.isdisjoint, self._remembered))
        if is_new:
            self._young |= different
        return is_new

    @property
    def _remembered(self) -> tuple[set[str], ...]:
        return self._young, self._old, self._kept

    def __contains__(self, identity: str) -> bool:
        return identity in self._young or identity in self._old or identity in self._kept

    def is_new(self, identity: str) -> bool:
        """Remember an id and return whether it was new."""
        if identity in self:
            return False
        self._young.add(identity)
        return True

    def keep(self, ids: Iterable[str]) -> None:
        """Never forget ids; if they would become too many, they are forgotten like others."""
        if len(self._kept) < self.max_kept:
            self._kept.update(ids)

    def rotate(self) -> None:
        """Forget the older half if the younger one is full; call it after each page."""
        if len(self._young) >= self.capacity:
            self.forgot = self.forgot or bool(self._old)
            self._old, self._young = self._young, set()


def _no_hashes() -> array[int]:
    return array("q")


@dataclass(slots=True)
class StagedIds:
    """Hashes of the ids of staged segments, on the worker's disk; few are in memory.

    They are kept while segments are staged, because reading the ids back from a distant store takes long. No
    folder lists the files, so nothing is left of them if the process is killed. Two ids with the same hash
    cost a read, and nothing else: the ids themselves decide.

    :param buckets: Maximum number of temporary files in which equal hashes are looked for, one after the
        other.
    :param buffered: Number of hashes in memory before they are written to a temporary file.
    """

    buckets: int = _BUCKETS
    buffered: int = _BUFFERED
    _counts: dict[int, int] = field(default_factory=dict)
    _latest: array[int] = field(default_factory=_no_hashes)
    _file: IO[bytes] | None = None
    _open: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _is_closed: bool = False

    def add(self, position: int, ids: Sequence[str]) -> None:
        """Add the ids of a segment.

        :param position: Number of the segment in the run; each is added once.
        :param ids: Its ids.
        :raises WorkerDiskError: if the worker's temporary folder is full or cannot be written to.
        """
        if self._is_closed:
            return
        self._counts[position] = len(ids)
        self._latest.extend(map(hash, ids))
        if len(self._latest) >= self.buffered:
            self._write()

    def __contains__(self, position: int) -> bool:
        return position in self._counts

    def repeated(self) -> tuple[frozenset[int], frozenset[int]]:
        """Return the hashes that occur more than once, and the positions of the segments that contain them.

        :raises WorkerDiskError: if the worker's temporary folder is full or cannot be written to.
        """
        repeated = frozenset(one for bucket in self._divided() for one in _repeated_in(bucket))
        if not repeated:
            return repeated, frozenset()
        sizes = self._counts.values()
        segments = zip(self._counts, self._read(sizes), strict=True)
        return repeated, frozenset(at for at, hashes in segments if not repeated.isdisjoint(hashes))

    def close(self) -> None:
        """Remove the temporary files; what is added afterwards is not kept."""
        self._is_closed = True
        self._open.close()

    def _write(self) -> None:
        if self._file is None:
            self._file = self._new_file()
        with temporary_folder_explained(opened=True):
            self._latest.tofile(self._file)
        self._latest = _no_hashes()

    def _new_file(self) -> IO[bytes]:
        with temporary_folder_explained():
            return self._open.enter_context(tempfile.TemporaryFile())

    def _read(self, sizes: Iterable[int]) -> Iterator[array[int]]:
        """Yield all hashes in the order in which they were added, in arrays of some sizes."""
        if self._file is None:
            start = 0
            for size in sizes:
                yield self._latest[start : start + size]
                start += size
            return
        self._write()
        with temporary_folder_explained(opened=True):
            self._file.seek(0)
            for size in sizes:
                yield _hashes_in(self._file.read(size * _no_hashes().itemsize))

    def _divided(self) -> Iterator[array[int]]:
        """Yield all hashes so that equal ones are together."""
        if self._file is None:
            yield self._latest
            return
        count = sum(self._counts.values())
        buckets = min(self.buckets, count // self.buffered + 1)
        files = [self._new_file() for _ in range(buckets)]
        parts = [_no_hashes() for _ in files]
        appends = [part.append for part in parts]
        steps = (min(self.buffered, count - start) for start in range(0, count, self.buffered))
        for hashes in self._read(steps):
            for one in hashes:
                appends[one % buckets](one)
            with temporary_folder_explained(opened=True):
                for file, part in zip(files, parts, strict=True):
                    part.tofile(file)
                    del part[:]
        for file in files:
            with temporary_folder_explained(opened=True):
                file.seek(0)
                yield _hashes_in(file.read())


def _hashes_in(data: bytes) -> array[int]:
    hashes = _no_hashes()
    hashes.frombytes(data)
    return hashes


def _repeated_in(hashes: array[int]) -> set[int]:
    if len(set(hashes)) == len(hashes):
        return set()
    return {one for one, count in Counter(hashes).items() if count > 1}


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
            if hash(identity) in repeated:
                if identity in seen:
                    lines.add(line)
                seen.add(identity)
        if lines:
            drops[position] = frozenset(lines)
    return drops
