"""Decides which records of a page belong to a run, each once, and to which partition."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_convexport.export.stage.batch import Batch
from airflow_provider_convexport.export.stage.dedup import RecentIds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_convexport.export.dataset.partition import PartitionGrid
    from airflow_provider_convexport.export.fetch.page import Page
    from airflow_provider_convexport.export.fetch.stream import Stream
    from airflow_provider_convexport.export.window import Window


class Counts(msgspec.Struct):
    """What became of the records that the vendor sent.

    :param records: Records kept.
    :param duplicates: Records that came again and were dropped.
    :param outside_interval: Records dropped because their own time lies outside the run's interval.
    :param kept_outside: Records kept although their time lies outside, because the vendor does not say which
        field its window filters.
    :param undated: Records kept although they have no time that can be read, filed under the first partition
        of the window that they came with.
    """

    records: int = 0
    duplicates: int = 0
    outside_interval: int = 0
    kept_outside: int = 0
    undated: int = 0


@dataclass(slots=True)
class Partitioner:
    """Sorts the records of every page of a run into partitions, and drops what is not the run's.

    :param stream: Says whether records outside the interval are dropped.
    :param grid: The run's interval and partitions.
    :param counts: Kept up to date.
    :param recent: Remembers ids.
    """

    stream: Stream
    grid: PartitionGrid
    counts: Counts = field(default_factory=Counts)
    recent: RecentIds = field(default_factory=RecentIds)

    def take(self, page: Page, window: Window) -> list[Batch]:
        """Return what is to be kept of ``page``, grouped by partition.

        :param page: The page.
        :param window: The request window it came with; where records without a time are filed.
        """
        batches = self._whole(page)
        if batches is None:
            inside, others = self._parted(page)
            batches = list(self._sorted(others, window))
            batches += self._whole(inside) or self._sorted(inside, window)
        self.recent.rotate()
        self.counts.records += sum(len(batch.ids) for batch in batches)
        return batches

    def _whole(self, page: Page) -> list[Batch] | None:
        """Handle the common page at once: all in one partition, none seen before."""
        moments = page.moments
        if not moments or None in moments:
            return None
        first, last = min(moments), max(moments)  # type: ignore[type-var]
        assert first is not None  # noqa: S101 - for the type checker; checked above
        assert last is not None  # noqa: S101
        partition = self.grid.index_of(first)
        if (
            first < self.grid.start
            or last >= self.grid.end
            or partition != self.grid.index_of(last)
            or self.recent.has_any(page.ids)
        ):
            return None
        self.recent.add(page.ids)
        return [Batch(partition, page.raws, page.ids, first, last)]

    def _parted(self, page: Page) -> tuple[Page, Page]:
        """Part a page into the records that lie in the interval, nearly all of them, and the others."""
        start, end = self.grid.start, self.grid.end
        inside: list[int] = []
        others: list[int] = []
        for position, moment in enumerate(page.moments):
            (inside if moment is not None and start <= moment < end else others).append(position)
        return (page, page.pick(others)) if not others else (page.pick(inside), page.pick(others))

    def _sorted(self, page: Page, window: Window) -> Iterator[Batch]:
        grid, is_new = self.grid, self.recent.is_new
        start, end, index_of = grid.start, grid.end, grid.index_of
        kept: dict[int, list[int]] = defaultdict(list)
        for position, (identity, moment) in enumerate(zip(page.ids, page.moments, strict=True)):
            partition: int | None
            if moment is not None and start <= moment < end:
                partition = index_of(moment)
            else:
                partition = self._elsewhere(moment, window, identity)
            if partition is None:
                self.counts.outside_interval += 1
            elif is_new(identity):
                kept[partition].append(position)
            else:
                self.counts.duplicates += 1
        for partition, positions in kept.items():
            moments = [page.moments[position] for position in positions]
            dated = [moment for moment in moments if moment is not None]
            part = page.pick(positions)
            yield Batch(partition, part.raws, part.ids, min(dated, default=None), max(dated, default=None))

    def _elsewhere(self, moment: float | None, window: Window, identity: str) -> int | None:
        """Return where a record goes that does not lie in the interval; ``None`` if to another run."""
        grid, is_new = self.grid, identity not in self.recent
        if moment is None:
            self.counts.undated += is_new
            return grid.index_of(max(window.start.timestamp(), grid.start))
        asked = grid.interval.reach(self.stream.reach)  # up to a second more, where the ends have a fraction
        at_seam = asked.start.timestamp() <= moment <= asked.end.timestamp()
        if at_seam or not self.stream.keeps_outside:
            return None
        self.counts.kept_outside += is_new
        return grid.index_of(max(moment, grid.start))
