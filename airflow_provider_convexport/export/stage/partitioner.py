"""The partitioner: selects the records of a run, drops duplicates and assigns records to partitions."""

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
    """How many of the vendor's records were kept and dropped.

    :param records: Records kept.
    :param duplicates: Records dropped because their id was already known.
    :param outside_interval: Records dropped because their own time is outside the run's interval.
    :param kept_outside: Records kept although their time is outside, because the vendor does not say which
        field its window filters.
    :param undated: Records kept although they have no valid time; they are assigned to the first partition
        of their request window.
    """

    records: int = 0
    duplicates: int = 0
    outside_interval: int = 0
    kept_outside: int = 0
    undated: int = 0


@dataclass(slots=True)
class Partitioner:
    """Assigns the records of every page to partitions; drops duplicates and records of other runs.

    :param stream: The vendor's stream, which says whether records outside the interval are kept.
    :param grid: The run's interval and partitions.
    :param counts: The counts so far; updated with each page.
    :param recent: The ids of recent records, for deduplication.
    """

    stream: Stream
    grid: PartitionGrid
    counts: Counts = field(default_factory=Counts)
    recent: RecentIds = field(default_factory=RecentIds)

    def take(self, page: Page, window: Window) -> list[Batch]:
        """Return the records of ``page`` that are kept, grouped by partition.

        :param page: The page.
        :param window: The request window of the page, which places records without a time.
        """
        batches = self._as_one_batch(page)
        if batches is None:
            inside, others = self._split_by_interval(page)
            batches = list(self._group(others, window))
            batches += self._as_one_batch(inside) or self._group(inside, window)
        self.recent.rotate()
        self.counts.records += sum(len(batch.ids) for batch in batches)
        return batches

    def _as_one_batch(self, page: Page) -> list[Batch] | None:
        """Return a page as one batch if all its records are new and in one partition, as most are."""
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

    def _split_by_interval(self, page: Page) -> tuple[Page, Page]:
        """Split a page into the records inside the interval, which are nearly all, and the others."""
        start, end = self.grid.start, self.grid.end
        inside: list[int] = []
        others: list[int] = []
        for position, moment in enumerate(page.moments):
            (inside if moment is not None and start <= moment < end else others).append(position)
        return (page, page.pick(others)) if not others else (page.pick(inside), page.pick(others))

    def _group(self, page: Page, window: Window) -> Iterator[Batch]:
        grid, is_new = self.grid, self.recent.is_new
        start, end, index_of = grid.start, grid.end, grid.index_of
        kept: dict[int, list[int]] = defaultdict(list)
        for position, (identity, moment) in enumerate(zip(page.ids, page.moments, strict=True)):
            partition: int | None
            if moment is not None and start <= moment < end:
                partition = index_of(moment)
            else:
                partition = self._partition_of_outsider(moment, window, identity)
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

    def _partition_of_outsider(self, moment: float | None, window: Window, identity: str) -> int | None:
        """Return the partition of a record outside the interval; ``None`` if it belongs to another run."""
        grid, is_new = self.grid, identity not in self.recent
        if moment is None:
            self.counts.undated += is_new
            return grid.index_of(max(window.start.timestamp(), grid.start))
        asked = grid.interval.reach(self.stream.reach)  # up to one second more if the ends have a fraction
        at_seam = asked.start.timestamp() <= moment <= asked.end.timestamp()
        if at_seam or not self.stream.keeps_outside:
            return None
        self.counts.kept_outside += is_new
        return grid.index_of(max(moment, grid.start))
