"""The stager: writes records to the staging folder every few seconds."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_convexport.export.stage.dedup import StagedIds
from airflow_provider_convexport.export.stage.segment import Segment, SegmentWriter
from airflow_provider_convexport.export.stage.tuning import Tuning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_convexport.export.stage.attempt import Attempt
    from airflow_provider_convexport.export.stage.batch import Batch


@dataclass(slots=True)
class Stager:
    """Collects batches by partition and stages them as objects with several segments.

    It is not thread-safe; the caller holds a lock.

    :param attempt: The running attempt.
    :param tuning: When to stage.
    :param segments: All segments staged so far.
    :param ids: The ids of those that it has staged itself.
    :param clock: Returns the seconds of a monotonic clock.
    :param latest: Name and content of the object that was staged last.
    """

    attempt: Attempt
    tuning: Tuning = field(default_factory=Tuning)
    segments: list[Segment] = field(default_factory=list)
    ids: StagedIds = field(default_factory=StagedIds)
    clock: Callable[[], float] = time.monotonic
    latest: tuple[str, bytes] | None = None
    _writers: dict[int, SegmentWriter] = field(default_factory=dict)
    _objects: int = 0
    _flushed_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._flushed_at = self.clock()

    def add(self, batches: Iterable[Batch]) -> None:
        """Add the records of one page to those in memory."""
        for batch in batches:
            if batch.partition not in self._writers:
                self._writers[batch.partition] = SegmentWriter(batch.partition)
            self._writers[batch.partition].add(batch)

    @property
    def is_due(self) -> bool:
        """Return whether the records in memory are due to be staged."""
        length = sum(writer.length for writer in self._writers.values())
        pending = sum(writer.pending for writer in self._writers.values())
        return (
            length >= self.tuning.flush_bytes
            or pending >= self.tuning.pending_bytes
            or self.clock() - self._flushed_at >= self.tuning.flush_seconds
        )

    def flush(self, put: Callable[[str, bytes], None] | None = None) -> None:
        """Stage the records in memory as one object.

        :param put: Writes an object; if left out, it is written before this returns.
        """
        if self._writers:
            self._objects += 1
            name = self.attempt.path(f"segments-{self._objects:06d}")
            pieces: list[bytes] = []
            fresh: list[Segment] = []
            staged_ids: list[list[str]] = []
            for partition in sorted(self._writers):
                writer = self._writers.pop(partition)
                fresh.append(writer.finish(pieces, name=name, offset=fresh[-1].end if fresh else 0))
                staged_ids.append(writer.ids)
            content = b"".join(pieces)
            (put or self.attempt.store.put)(name, content)
            self.latest = name, content
            for position, ids in enumerate(staged_ids, len(self.segments)):
                self.ids.add(position, ids)
            self.segments.extend(fresh)
        self._flushed_at = self.clock()
