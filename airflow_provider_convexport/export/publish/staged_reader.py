"""Reads staged segments; neighbouring ones that are needed soon are read in one request."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict, defaultdict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_convexport.export.dataset.store import Store
    from airflow_provider_convexport.export.publish.plan import PartitionPlan
    from airflow_provider_convexport.export.stage.segment import Segment

BLOCK = 2**20
"""Bytes that are read in one request at most, unless a single segment is longer."""
_AHEAD = 64
"""A segment is read ahead if its partition is among so many that follow."""
_KEPT = 16 * 2**20
"""Bytes of blocks that are kept in memory."""


class _Block(NamedTuple):
    start: int
    data: bytes


class StagedReader:
    """Reads segments of a plan for several threads.

    :param store: The destination.
    :param partitions: The partitions that will be published, in this order.
    :param latest: Name and content of an object that need not be read.
    :param block: Bytes that are read in one request at most; 0 to read each segment by itself.
    """

    def __init__(
        self,
        store: Store,
        partitions: Iterable[PartitionPlan],
        latest: tuple[str, bytes] | None = None,
        *,
        block: int = BLOCK,
    ) -> None:
        self._store = store
        self._block = block
        self._segments: defaultdict[str, list[Segment]] = defaultdict(list)
        for partition in partitions:
            for source in partition.sources:
                self._segments[source.segment.object].append(source.segment)
        self._starts = {}
        for name, segments in self._segments.items():
            segments.sort(key=lambda each: each.offset)
            self._starts[name] = [each.offset for each in segments]
        self._kept: OrderedDict[tuple[str, int], _Block] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        if latest is not None:
            self._keep(latest[0], _Block(0, latest[1]))

    def read(self, segment: Segment) -> bytes:
        """Return a segment's deflate data.

        :raises FileNotFoundError: if its object does not exist.
        """
        with self._lock:
            kept = self._find(segment)
        if kept is not None:
            return kept
        end = self._end_of_block(segment)
        if end == segment.ids_offset:
            return self._store.get_range(segment.object, segment.offset, segment.ids_offset)
        with self._lock:
            object_lock = self._locks[segment.object]
        with object_lock:  # so that of several threads that need one block only the first reads it
            with self._lock:
                kept = self._find(segment)
            if kept is None:
                data = self._store.get_range(segment.object, segment.offset, end)
                kept = data[: segment.ids_offset - segment.offset]
                self._keep(segment.object, _Block(segment.offset, data))
        return kept

    def _end_of_block(self, segment: Segment) -> int:
        """Return where a request that begins with a segment ends: after the last one that is needed soon."""
        segments = self._segments[segment.object]
        position = bisect_right(self._starts[segment.object], segment.offset)
        end = segment.ids_offset
        for following in segments[position:]:
            is_soon = following.partition - segment.partition <= _AHEAD
            if not is_soon or following.ids_offset - segment.offset > self._block:
                break
            end = following.ids_offset
        return end

    def _find(self, segment: Segment) -> bytes | None:
        for (name, _), block in self._kept.items():
            start, end = segment.offset - block.start, segment.ids_offset - block.start
            if name == segment.object and start >= 0 and end <= len(block.data):
                return block.data[start:end]
        return None

    def _keep(self, name: str, block: _Block) -> None:
        with self._lock:
            self._kept[name, block.start] = block
            self._bytes += len(block.data)
            while self._bytes > _KEPT and len(self._kept) > 1:
                self._bytes -= len(self._kept.popitem(last=False)[1].data)
