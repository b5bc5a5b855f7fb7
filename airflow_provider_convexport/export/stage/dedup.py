"""Deduplication by id: exact, and in bounded memory for intervals of any length.

While pages arrive, `RecentIds` finds duplicates that arrive soon after the first copy, which is nearly all of
them. `find_duplicates` finds the others among the staged segments at the end.
"""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_convexport.export.dataset.temporary import temporary_folder_explained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
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
    """

    capacity: int = 16_384
    forgot: bool = False
    _young: set[str] = field(default_factory=set)
    _old: set[str] = field(default_factory=set)

    def has_any(self, ids: Sequence[str]) -> bool:
        """Return whether one of ``ids`` is remembered or occurs twice in ``ids``."""
        return not (self._young.isdisjoint(ids) and self._old.isdisjoint(ids)) or len(set(ids)) != len(ids)

    def __contains__(self, identity: str) -> bool:
        return identity in self._young or identity in self._old

    def is_new(self, identity: str) -> bool:
        """Remember an id and return whether it was new."""
        if identity in self._young or identity in self._old:
            return False
        self._young.add(identity)
        return True

    def add(self, ids: Sequence[str]) -> None:
        """Remember ids that are known to be new."""
        self._young.update(ids)

    def rotate(self) -> None:
        """Forget the older half if the younger one is full; call it after each page."""
        if len(self._young) >= self.capacity:
            self.forgot = self.forgot or bool(self._old)
            self._old, self._young = self._young, set()


def find_duplicates(
    segments: Sequence[Segment],
    ids_of: Callable[[Segment], list[str]],
    *,
    buckets: int = _BUCKETS,
    buffered: int = _BUFFERED,
) -> dict[int, frozenset[int]]:
    """Return the numbers of the lines that are duplicates of earlier lines, by segment.

    :param segments: All segments of a run, in the order of publication; the first copy of a record is not a
        duplicate.
    :param ids_of: Reads a segment's ids, in the order of its lines.
    :param buckets: Number of temporary files for ids.
    :param buffered: Number of ids buffered in memory before they are written to those files.
    :returns: Line numbers, from 0, by position in ``segments``.
    """
    repeated = _repeated_ids(segments, ids_of, buckets, buffered)
    if not repeated:
        return {}
    seen = set[str]()
    drops: dict[int, frozenset[int]] = {}
    for position, segment in enumerate(segments):
        lines = set[int]()
        for line, identity in enumerate(ids_of(segment)):
            if identity in repeated:
                if identity in seen:
                    lines.add(line)
                seen.add(identity)
        if lines:
            drops[position] = frozenset(lines)
    return drops


def _repeated_ids(
    segments: Sequence[Segment], ids_of: Callable[[Segment], list[str]], buckets: int, buffered: int
) -> frozenset[str]:
    repeated = set[str]()
    with contextlib.ExitStack() as stack:
        with temporary_folder_explained():
            # No folder lists these files, so nothing is left of them if the process is killed.
            files: list[IO[bytes]] = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(buckets)]
        stack.enter_context(temporary_folder_explained(opened=True))
        _distribute(segments, ids_of, files, buffered)
        for file in files:
            ids = list(_read(file))
            if len(set(ids)) != len(ids):
                seen = set[str]()
                repeated.update(one for one in ids if one in seen or seen.add(one))  # type: ignore[func-returns-value]
    return frozenset(repeated)


def _distribute(
    segments: Sequence[Segment],
    ids_of: Callable[[Segment], list[str]],
    files: Sequence[IO[bytes]],
    buffered: int,
) -> None:
    buffers: list[list[str]] = [[] for _ in files]
    count = 0
    for segment in segments:
        for identity in ids_of(segment):
            buffers[hash(identity) % len(files)].append(identity)
        count += segment.records
        if count >= buffered:
            _write(buffers, files)
            count = 0
    _write(buffers, files)


def _write(buffers: list[list[str]], files: Sequence[IO[bytes]]) -> None:
    for file, ids in zip(files, buffers, strict=True):
        if ids:
            file.write(msgspec.json.encode(ids) + b"\n")
            ids.clear()


def _read(file: IO[bytes]) -> Iterator[str]:
    file.seek(0)
    decoder = msgspec.json.Decoder(list[str])
    for line in file:
        yield from decoder.decode(line)
