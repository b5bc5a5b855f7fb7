"""The partitioner: selects the records of a run, drops duplicates and assigns records to partitions."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_convexport.export.stage.batch import Batch
from airflow_provider_convexport.export.stage.dedup import RecentIds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_convexport.export.dataset.partition import PartitionGrid
    from airflow_provider_convexport.export.fetch.page import Page
    from airflow_provider_convexport.export.window import Window


class Counts(msgspec.Struct):
    """How many of the vendor's records were kept and dropped.

    :param records: Records kept.
    :param duplicates: Records dropped because their id was already known.
    :param outside_interval: Records dropped because their own time is outside the run's interval.
    :param undated: Records kept although they have no valid time; they are assigned to the first partition
        of their request window.
    """

    records: int = 0
    duplicates: int = 0
    outside_interval: int = 0
    undated: int = 0

    def without(self, duplicates: int) -> Counts:
        """Return the counts after records that had been kept turned out to be duplicates."""
        return msgspec.structs.replace(
            self, records=self.records - duplicates, duplicates=self.duplicates + duplicates
        )


@dataclass(slots=True)
class Partitioner:
    """Assigns the records of every page to partitions; drops duplicates and records of other runs.

    :param grid: The run's interval and partitions.
    :param counts: The counts so far; updated with each page.
    :param recent: The ids of recent records, for deduplication.
    :param reach: How far request windows reach beyond their ends, where two of them return the same records.
    """

    grid: PartitionGrid
    counts: Counts = field(default_factory=Counts)
    recent: RecentIds = field(default_factory=RecentIds)
    reach: timedelta = timedelta()

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
        self._keep_seams(page, window)
        self.recent.rotate()
        self.counts.records += sum(len(batch.ids) for batch in batches)
        return batches

    def _keep_seams(self, page: Page, window: Window) -> None:
        """Remember the ids of kept records near the window's ends, which its neighbours return, too."""
        reach = self.reach.total_seconds() + 1.0  # requests are rounded outwards to whole seconds
        begin, end = window.start.timestamp() + reach, window.end.timestamp() - reach
        if page.first is None or page.last is None or begin < page.first <= page.last < end:
            return
        self.recent.keep(
            identity
            for identity, moment in zip(page.ids, page.moments, strict=True)
            if moment is not None and self.grid.start <= moment < self.grid.end and not begin < moment < end
        )

    def _as_one_batch(self, page: Page) -> list[Batch] | None:
        """Return a page as one batch if all its records are new and in one partition, as most are."""
        first, last = page.first, page.last
        if first is None or last is None or not page.is_dated:
            return None
        partition = self.grid.index_of(first)
        if (
            first < self.grid.start
            or last >= self.grid.end
            or partition != self.grid.index_of(last)
            or not self.recent.add_if_new(page.ids)
        ):
            return None
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
            if moment is not None and not start <= moment < end:
                self.counts.outside_interval += 1
            elif not is_new(identity):
                self.counts.duplicates += 1
            elif moment is not None:
                kept[index_of(moment)].append(position)
            else:
                self.counts.undated += 1
                kept[index_of(max(window.start.timestamp(), start))].append(position)
        for partition, positions in kept.items():
            part = page.pick(positions)
            yield Batch(partition, part.raws, part.ids, part.first, part.last)
