"""One run from its first request to the last clean-up."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_convexport.errors import IncompleteExportError
from airflow_provider_convexport.export.dataset.manifest import MANIFEST, check_replaceable, read_manifest
from airflow_provider_convexport.export.dataset.store import STAGING
from airflow_provider_convexport.export.job import Outcome, Published
from airflow_provider_convexport.export.publish.compose import check_available
from airflow_provider_convexport.export.publish.plan import Plan, commit_of, partition_plans
from airflow_provider_convexport.export.publish.publish import Publisher
from airflow_provider_convexport.export.stage.attempt import Attempt
from airflow_provider_convexport.export.stage.collect import Collector
from airflow_provider_convexport.export.stage.dedup import find_repeats
from airflow_provider_convexport.export.stage.partitioner import Intake
from airflow_provider_convexport.export.stage.progress import Reporter
from airflow_provider_convexport.export.stage.segment import decode_ids
from airflow_provider_convexport.export.stage.stager import Checkpoint, Effort, Stager
from airflow_provider_convexport.export.stage.window_queue import Frontier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_convexport.export.dataset.partition import PartitionGrid
    from airflow_provider_convexport.export.dataset.store import Store
    from airflow_provider_convexport.export.fetch.client import Client
    from airflow_provider_convexport.export.job import Job
    from airflow_provider_convexport.export.stage.segment import Segment


CURSOR_MAX_AGE = timedelta(hours=1)
"""No vendor says how long a cursor lives; an older one is not tried, its window begins again."""

LeftT = TypeVar("LeftT", Plan, Checkpoint)


@dataclass(frozen=True, slots=True)
class Export:
    """Exports one interval: fetch and stage, plan, publish, clean up.

    :param job: The run.
    :param client: Asks the vendor.
    :param store: The destination.
    :param reporter: Says how far it is.
    :param now: Tells the present moment as epoch seconds.
    """

    job: Job
    client: Client
    store: Store
    reporter: Reporter = field(default_factory=Reporter)
    now: Callable[[], float] = time.time

    def run(self) -> Outcome:
        """Publish the interval's partitions, going on from whatever an earlier attempt left.

        :raises ConfigurationError: before the first request, if the destination holds something else.
        """
        job = self.job
        check_available(job.compression)
        grid = job.grid()
        for index in grid.published:
            folder = grid.folder_of(index)
            manifest = read_manifest(self.store, folder)
            check_replaceable(manifest, self.store.url_of(folder), job.query, grid, index)
        attempt = Attempt.begin(
            self.store,
            task=job.task_key,
            fingerprint=job.fingerprint,
            try_number=job.task.try_number,
        )
        try:
            plan = self._left(attempt.left_plans(Plan)) or self._make_plan(attempt, grid)
            publisher = Publisher(job, grid, attempt, plan, self.now)
            manifests = {index: publisher.publish(plan.partitions[index]) for index in grid.published}
            attempt.finish()
        except FileNotFoundError as error:
            # A newer attempt that has finished removes what this one staged; that is the better message.
            attempt.check()
            attempt.discard()
            raise IncompleteExportError(
                f"A staged object under {self.store.url_of(STAGING)} has disappeared; nothing was published "
                "from it, and the next try exports the interval from its beginning."
            ) from error
        written = [
            Published(grid.key_of(index), self.store.url_of(f"{grid.folder_of(index)}/{MANIFEST}"), manifest)
            for index, manifest in manifests.items()
            if manifest.commit == plan.commit
        ]
        return Outcome(plan, written, unchanged=len(manifests) - len(written))

    def _make_plan(self, attempt: Attempt, grid: PartitionGrid) -> Plan:
        collector = self._collector(attempt, grid)
        collector.run()
        segments = collector.stager.segments
        forgot = collector.intake.recent.forgot
        partitions = partition_plans(
            segments,
            find_repeats(segments, self._ids_of) if forgot else {},
            partitions=grid.count,
            target_file_bytes=self.job.target_file_bytes,
        )
        plan = Plan(
            saved_at=self.now(),
            commit=commit_of(partitions, seed=attempt.name),
            partitions=partitions,
            counts=collector.intake.counts,
            effort=collector.effort,
        )
        attempt.save_plan(plan, commit=plan.commit)
        return plan

    def _collector(self, attempt: Attempt, grid: PartitionGrid) -> Collector:
        job, stream = self.job, self.job.query.stream
        checkpoint = self._left(attempt.left_checkpoints(Checkpoint))
        intake = Intake(stream, grid)
        if checkpoint is None:
            frontier = Frontier.of(job.query.windows(job.asked))
            stager = Stager(attempt)
        else:
            frontier = Frontier(checkpoint.windows)
            if checkpoint.saved_at < self.now() - CURSOR_MAX_AGE.total_seconds():
                frontier.forget_cursors()
            stager = Stager(attempt, checkpoint.segments)
            intake.counts = checkpoint.counts
            # The ids of earlier attempts are not in memory, so repeats are looked for at the end.
            intake.recent.forgot = bool(checkpoint.segments)
        return Collector(
            self.client,
            job.query,
            intake,
            stager,
            frontier,
            concurrency=job.concurrency or stream.concurrency,
            reporter=self.reporter,
            max_pause=job.max_pause,
            earlier=Effort() if checkpoint is None else checkpoint.effort,
            now=self.now,
        )

    def _left(self, left: Iterable[LeftT]) -> LeftT | None:
        """Return the newest piece of earlier work that is not too old."""
        oldest = self.now() - self.job.checkpoint_max_age.total_seconds()
        return next((each for each in left if each.saved_at >= oldest), None)

    def _ids_of(self, segment: Segment) -> list[str]:
        return decode_ids(self.store.get_range(segment.object, segment.ids_offset, segment.end))
