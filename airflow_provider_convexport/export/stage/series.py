"""The series of an attempt's checkpoints, whose size grows with what is new and not with the whole run.

Each object of the series holds what has changed since an earlier one, its predecessor, which it names. The
newest object and its predecessors, down to one without a predecessor, together are the checkpoint. When
fifteen objects and the next one stand for equally many checkpoints, the next one stands for all of them, and
its predecessor is that of the first of them. So each segment is written a logarithmic number of times, and a
logarithmic number of objects is read.

No object is ever replaced, and no name is used twice, not even after a write that failed: what a newer
attempt has read stays as it is, so that its own series can continue from there. Objects that others stand
for are removed with the attempt's folder.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
from isal import isal_zlib

from airflow_provider_convexport.export.fetch.usage import Usage
from airflow_provider_convexport.export.stage.checkpoint import Checkpoint, Saved
from airflow_provider_convexport.export.stage.partitioner import Counts
from airflow_provider_convexport.export.stage.segment import Segment
from airflow_provider_convexport.export.stage.window_queue import RequestWindow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

CHECKPOINT = "checkpoint-"
"""What the names of the objects begin with; their numbers follow."""

_MERGED = 16

_USUAL = (
    b'0.0,{"records":,"duplicates":0,"outside_interval":0,"undated":0},{"requests":,"pages":,'
    b'"throttled_seconds":0.0,"paused_seconds":0.0,"retry_seconds":0.0},"checkpoint-000",1,[{"start":"2026-'
    b'T00:00:00Z","end":"2026-T00:00:00Z","next_request":null,"done":true,"reached":17,"is_piece":true},'
    b'"next_request":{"url":"/?&cursor=","body":null},"done":false,"reached":17,"is_piece":false}],'
    b'[[0,"segments-000'
)
"""What most objects contain: deflate's preset dictionary, without which small ones are twice as long."""


class Change(Saved, frozen=True, kw_only=True, array_like=True):
    """What has changed since the predecessor; one object of a series.

    Names of objects are relative to the attempt's folder, or begin with ``/`` and are relative to the
    destination.

    :param requested_at: As in `Checkpoint`.
    :param counts: As in `Checkpoint`.
    :param usage: As in `Checkpoint`.
    :param previous: Name of the predecessor; ``None`` if it has none.
    :param checkpoints: Number of checkpoints that it stands for.
    :param windows: Request windows that have changed; one with the same start is replaced.
    :param segments: Segments that have been added.
    """

    requested_at: float
    counts: Counts
    usage: Usage
    previous: str | None
    checkpoints: int
    windows: list[RequestWindow]
    segments: list[Segment]


@dataclass(frozen=True, slots=True)
class Link:
    """An object of a series, and the state up to and with it.

    :param name: Name of the object, relative to the destination.
    :param checkpoints: Number of checkpoints that it stands for.
    :param segments: Number of segments.
    :param tick: When it was saved, as a number that increases with each checkpoint.
    """

    name: str
    checkpoints: int
    segments: int
    tick: int


_NOTHING = Link("", 0, 0, 0)


@dataclass(slots=True)
class Series:
    """Determines what is to be written for each checkpoint, and reads it back.

    It is not thread-safe; the caller holds a lock.
    """

    _numbers: int = 0
    _tick: int = 0
    _links: list[Link] = field(default_factory=list)
    _windows: dict[datetime, RequestWindow] = field(default_factory=dict)
    _changed: dict[datetime, int] = field(default_factory=dict)
    _last: Segment | None = None

    def append(
        self,
        checkpoint: Checkpoint,
        *,
        folder: str,
        put: Callable[[str, bytes], None],
        changed: Sequence[RequestWindow] | None = None,
    ) -> None:
        """Write a checkpoint.

        :param checkpoint: The whole checkpoint. If it does not continue the last one, a new series begins.
        :param folder: The attempt's folder, relative to the destination.
        :param put: Writes an object.
        :param changed: The request windows that may have changed since the last checkpoint; all if left out.
        """
        self._numbers += 1
        self._tick += 1
        self._compare(checkpoint.windows if changed is None else changed)
        if not self._is_continued_by(checkpoint):
            self._forget()
            self._compare(checkpoint.windows)
        merged, checkpoints = self._merged()
        kept = self._links[: len(self._links) - merged]
        previous = kept[-1] if kept else _NOTHING
        name = f"{folder}/{CHECKPOINT}{self._numbers:06d}"
        change = Change(
            saved_at=checkpoint.saved_at,
            requested_at=checkpoint.requested_at,
            counts=checkpoint.counts,
            usage=checkpoint.usage,
            previous=_short(previous.name, folder) if kept else None,
            checkpoints=checkpoints,
            windows=list(self._changed_after(previous.tick)),
            segments=[_shortened(each, folder) for each in checkpoint.segments[previous.segments :]],
        )
        put(name, _encoded(change))
        self._links = [*kept, Link(name, checkpoints, len(checkpoint.segments), self._tick)]
        self._last = checkpoint.segments[-1] if checkpoint.segments else None

    def read(
        self, newest: str, *, get: Callable[[str], bytes | None], not_before: float = 0.0
    ) -> Checkpoint | None:
        """Return a checkpoint, and continue its series with the next one that is appended.

        :param newest: Name of its newest object, relative to the destination.
        :param get: Reads an object; ``None`` if it does not exist.
        :param not_before: An older checkpoint is not read; epoch seconds.
        :returns: The checkpoint; ``None`` if it is too old, if one of its objects does not exist, or if one
            was written by a version of this package with another format.
        """
        changes: list[tuple[str, Change]] = []
        name: str | None = newest
        while name is not None:
            change = _decoded(get(name))
            if change is None or (not changes and change.saved_at < not_before):
                return None
            folder = name.rpartition("/")[0]
            changes.append((name, change))
            name = None if change.previous is None else _long(change.previous, folder)
        return self._continue(changes[::-1])

    def _continue(self, changes: Sequence[tuple[str, Change]]) -> Checkpoint:
        """Return the checkpoint that objects make together, and continue from them.

        :param changes: The objects with their names, each after its predecessor.
        """
        windows: dict[datetime, RequestWindow] = {}
        segments: list[Segment] = []
        self._forget()
        for name, change in changes:
            folder = name.rpartition("/")[0]
            self._tick += 1
            windows.update((each.start, each) for each in change.windows)
            segments += [_lengthened(each, folder) for each in change.segments]
            self._compare(change.windows)
            self._links.append(Link(name, change.checkpoints, len(segments), self._tick))
        self._last = segments[-1] if segments else None
        head = changes[-1][1]
        return Checkpoint(
            saved_at=head.saved_at,
            requested_at=head.requested_at,
            windows=[windows[start] for start in sorted(windows)],
            segments=segments,
            counts=head.counts,
            usage=head.usage,
        )

    def _is_continued_by(self, checkpoint: Checkpoint) -> bool:
        """Return whether a checkpoint, whose windows have been compared, has all that the last one has."""
        count = self._links[-1].segments if self._links else 0
        if count > len(checkpoint.segments) or len(self._windows) > len(checkpoint.windows):
            return False
        return (checkpoint.segments[count - 1] if count else None) == self._last

    def _forget(self) -> None:
        self._links, self._windows, self._changed = [], {}, {}

    def _compare(self, windows: Sequence[RequestWindow]) -> None:
        """Note which windows have changed."""
        for window in windows:
            start = window.start
            if self._windows.get(start) != window:
                self._windows[start] = copy.copy(window)
                self._changed.pop(start, None)  # so that the latest changes are last
                self._changed[start] = self._tick

    def _changed_after(self, tick: int) -> Iterator[RequestWindow]:
        """Yield the windows that have changed after a checkpoint, the latest first."""
        for start, changed in reversed(self._changed.items()):
            if changed <= tick:
                return
            yield self._windows[start]

    def _merged(self) -> tuple[int, int]:
        """Return how many objects the next one stands for, and how many checkpoints."""
        merged, checkpoints = 0, 1
        while True:
            last = self._links[: len(self._links) - merged][-(_MERGED - 1) :]
            if len(last) < _MERGED - 1 or any(each.checkpoints != checkpoints for each in last):
                return merged, checkpoints
            merged += len(last)
            checkpoints *= _MERGED


def _encoded(change: Change) -> bytes:
    deflater = isal_zlib.compressobj(level=1, zdict=_USUAL)
    return deflater.compress(msgspec.json.encode(change)) + deflater.flush()


def _decoded(content: bytes | None) -> Change | None:
    if content is None:
        return None
    try:
        return msgspec.json.decode(isal_zlib.decompressobj(zdict=_USUAL).decompress(content), type=Change)
    except (isal_zlib.error, msgspec.DecodeError):  # type: ignore[misc] # the stub calls it an object
        return None


def _short(name: str, folder: str) -> str:
    return name.removeprefix(f"{folder}/") if name.startswith(f"{folder}/") else f"/{name}"


def _long(name: str, folder: str) -> str:
    return name[1:] if name.startswith("/") else f"{folder}/{name}"


def _shortened(segment: Segment, folder: str) -> Segment:
    return msgspec.structs.replace(segment, object=_short(segment.object, folder))


def _lengthened(segment: Segment, folder: str) -> Segment:
    return msgspec.structs.replace(segment, object=_long(segment.object, folder))
