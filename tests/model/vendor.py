"""A vendor whose records grow with a logical clock, and an export that collects from it without HTTP."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from airflow_provider_convexport.export.fetch.usage import Usage
from airflow_provider_convexport.export.run import Export
from airflow_provider_convexport.export.stage.batch import Batch
from airflow_provider_convexport.export.stage.checkpoint import Checkpoint
from airflow_provider_convexport.export.stage.collected import Collected
from airflow_provider_convexport.export.stage.partitioner import Counts
from airflow_provider_convexport.export.stage.stager import Stager
from airflow_provider_convexport.export.stage.window_queue import RequestWindow
from tests.model.laws import DAYS
from tests.support.samples import APRIL_1, DAY

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from airflow_provider_convexport.export.dataset.manifest import Manifest
    from airflow_provider_convexport.export.dataset.partition import PartitionGrid
    from airflow_provider_convexport.export.outcome import Outcome
    from airflow_provider_convexport.export.publish.plan import Plan
    from airflow_provider_convexport.export.stage.attempt import Attempt
    from tests.model.laws import Laws
    from tests.model.memory import Bucket

NOON = 10 * 3600.0
"""Where the clip of `kept_from` falls into its day, in seconds."""
BEGIN = (APRIL_1 + 100 * DAY).timestamp()


class Page(NamedTuple):
    """A day's records as the vendor had them at one moment."""

    ids: tuple[str, ...]
    lines: tuple[bytes, ...]
    times: tuple[float, ...]

    @property
    def content(self) -> bytes:
        return b"".join(line + b"\n" for line in self.lines)


@cache
def page_of(day: int, state: int, start: float) -> Page:
    """Return a day's records from ``start`` on, in the vendor's state of that number.

    Each state has one record more than the one before, and two others were edited.
    """
    count = 0 if state < 0 else 2 + state
    rows = [(f"{day}-{i}", DAYS[day] + (i * 11 % 24) * 3600.0, state if i < 2 else 0) for i in range(count)]
    kept = [row for row in rows if row[1] >= start]
    return Page(
        tuple(identity for identity, _, _ in kept),
        tuple(b'{"id":"%s","v":%d}' % (identity.encode(), version) for identity, _, version in kept),
        tuple(moment for _, moment, _ in kept),
    )


@dataclass(slots=True)
class Vendor:
    """The vendor's state, and the only clock.

    :param growth: Per day, the moments at which a record is added, in seconds of the logical clock.
    :param empty: Days on which nothing ever happens.
    :param tick: Resolution of the clock as its readers see it, in seconds.
    """

    growth: list[list[float]]
    empty: frozenset[int]
    tick: float
    clock: float = 0.0

    @classmethod
    def of(cls, chance: random.Random) -> Vendor:
        """Draw a vendor."""
        many = chance.choice((0, 2, 8, 20))
        return cls(
            growth=[sorted(chance.uniform(0, 60) for _ in range(chance.randint(0, many))) for _ in DAYS],
            empty=frozenset(day for day in range(len(DAYS)) if chance.random() < 0.1),
            tick=chance.choice((1.0, 1.0, 1.0, 1.0, 7.0)),
        )

    def now(self) -> float:
        """Return the time in epoch seconds, of which no two are equal unless the clock is coarse."""
        self.clock += 1.0
        return BEGIN + self.clock // self.tick * self.tick

    def page(self, day: int, start: float, *, at: float | None = None) -> Page:
        """Return a day's records from ``start`` on as they are now, or were at a moment in epoch seconds."""
        clock = self.clock if at is None else at - BEGIN
        state = -1 if day in self.empty else bisect_right(self.growth[day], clock)
        return page_of(day, state, start)


class ModelExport(Export):
    """An export whose collection is a loop over days; everything else is the real one."""

    __slots__ = ()

    def _collect(self, attempt: Attempt, grid: PartitionGrid) -> Collected:
        bucket: Bucket = self.store.bucket
        laws, vendor = bucket.laws, bucket.laws.vendor
        requested_at = self.now()
        stager = Stager(attempt, clock=lambda: 0.0)
        windows = [RequestWindow(*_bounds(grid, index)) for index in grid.published]
        if checkpoint := attempt.newest_checkpoint(not_before=self._oldest):
            windows, stager.segments = checkpoint.windows, checkpoint.segments
            requested_at = checkpoint.requested_at
        for index, window in zip(grid.published, windows, strict=True):
            if not window.done:
                start = window.start.timestamp()
                day = bisect_right(DAYS, start) - 1
                bucket.pass_by("request", f"day {day}")
                page = vendor.page(day, start)
                stager.add([Batch(index, [msgspec.Raw(line) for line in page.lines], page.ids,
                                  min(page.times), max(page.times))] if page.ids else [])  # fmt: skip
                window.done = True
                laws.requested(attempt.path(f"segments-{stager._objects + 1:06d}"), index, page)
                if laws.saves_often:
                    self._save(stager, attempt, windows, requested_at)
        self._save(stager, attempt, windows, requested_at)
        laws.collected(grid, stager.segments, requested_at)
        return Collected(requested_at, stager.segments, Counts(), Usage(), may_hold_duplicates=False)

    def _save(self, stager: Stager, attempt: Attempt, windows: list[RequestWindow], at: float) -> None:
        """Stage and save as the real collector does."""
        stager.flush()
        attempt.check()
        attempt.save_checkpoint(
            Checkpoint(
                saved_at=self.now(),
                requested_at=at,
                windows=windows,
                segments=stager.segments,
                counts=Counts(),
                usage=Usage(),
            )
        )

    def _outcome(self, plan: Plan, grid: PartitionGrid, manifests: Mapping[int, Manifest]) -> Outcome:
        laws: Laws = self.store.bucket.laws
        laws.succeeded(self.job, grid, plan, manifests)
        return Export._outcome(self, plan, grid, manifests)


def _bounds(grid: PartitionGrid, index: int) -> tuple:
    covered = grid.covered_of(index)
    return covered.start, covered.end
