"""Puts records into the staging folder every few seconds, together with a checkpoint."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_convexport.export.stage.partitioner import Counts
from airflow_provider_convexport.export.stage.segment import Segment, SegmentWriter
from airflow_provider_convexport.export.stage.window_queue import WindowState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_convexport.export.stage.attempt import Attempt
    from airflow_provider_convexport.export.stage.partitioner import Batch


class Effort(msgspec.Struct):
    """What an export asked of the vendor, over all its attempts.

    :param requests: Requests sent, retries included.
    :param throttled_seconds: Seconds waited for the vendor's limits on a worker.
    :param paused_seconds: Seconds that the vendor asked for and that were handed back to the scheduler.
    """

    requests: int = 0
    throttled_seconds: float = 0.0
    paused_seconds: float = 0.0


class Checkpoint(msgspec.Struct):
    """How far a walk got, and where its records lie.

    :param saved_at: Epoch seconds.
    :param windows: Every window of the run.
    :param segments: Everything staged, possibly by earlier attempts.
    :param counts: What became of the records so far.
    :param effort: What all attempts asked of the vendor so far.
    """

    saved_at: float
    windows: list[WindowState]
    segments: list[Segment]
    counts: Counts
    effort: Effort


@dataclass(slots=True)
class Stager:
    """Collects batches by partition and stages them as whole objects. Guarded by its user's lock.

    :param attempt: The running attempt.
    :param segments: What is staged already.
    :param seconds: Longest time between two objects, while records come in.
    :param most: Compressed bytes held in memory at most, plus one page.
    :param clock: Tells the seconds of a steady clock.
    """

    attempt: Attempt
    segments: list[Segment] = field(default_factory=list)
    seconds: float = 4.0
    most: int = 2 * 2**20
    clock: Callable[[], float] = time.monotonic
    _writers: dict[int, SegmentWriter] = field(default_factory=dict)
    _objects: int = 0
    _flushed_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._flushed_at = self.clock()

    def add(self, batches: Iterable[Batch]) -> None:
        """Hold the records of one page."""
        for batch in batches:
            if batch.partition not in self._writers:
                self._writers[batch.partition] = SegmentWriter(batch.partition)
            self._writers[batch.partition].add(batch)

    @property
    def is_due(self) -> bool:
        """Tell whether it is time to stage what is held."""
        held = sum(writer.length for writer in self._writers.values())
        return held >= self.most or self.clock() - self._flushed_at >= self.seconds

    def flush(self) -> None:
        """Stage what is held as one object."""
        if self._writers:
            self._objects += 1
            name = self.attempt.path(f"segments-{self._objects:06d}")
            pieces: list[bytes] = []
            fresh: list[Segment] = []
            for partition in sorted(self._writers):
                writer = self._writers.pop(partition)
                fresh.append(writer.finish(pieces, name=name, offset=fresh[-1].end if fresh else 0))
            self.attempt.store.put(name, b"".join(pieces))
            self.segments.extend(fresh)
        self._flushed_at = self.clock()
