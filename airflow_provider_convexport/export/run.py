"""Runs one export: collect, plan, publish, clean up."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from airflow_provider_convexport.errors import ConfigurationError, IncompleteExportError, RateLimitedError
from airflow_provider_convexport.export.dataset.identity import (
    Dataset,
    ensure_registered,
    is_recorded,
    read_dataset,
    register,
)
from airflow_provider_convexport.export.dataset.manifest import (
    MANIFEST,
    check_replaceable,
    read_manifest,
)
from airflow_provider_convexport.export.dataset.store import STAGING
from airflow_provider_convexport.export.dataset.survey import survey
from airflow_provider_convexport.export.fetch.usage import Usage
from airflow_provider_convexport.export.job import TaskTry
from airflow_provider_convexport.export.outcome import Outcome, Published
from airflow_provider_convexport.export.parallel import in_parallel
from airflow_provider_convexport.export.publish.compose import check_available
from airflow_provider_convexport.export.publish.plan import Plan, commit_of, partition_plans
from airflow_provider_convexport.export.publish.publish import Publisher
from airflow_provider_convexport.export.stage.attempt import Attempt, next_generation
from airflow_provider_convexport.export.stage.collect import Collector
from airflow_provider_convexport.export.stage.partitioner import Counts
from airflow_provider_convexport.export.stage.pauses import count_pause
from airflow_provider_convexport.export.stage.progress import Reporter
from airflow_provider_convexport.export.stage.segment import decode_ids
from airflow_provider_convexport.export.stage.tuning import Tuning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from airflow_provider_convexport.export.dataset.manifest import Manifest
    from airflow_provider_convexport.export.dataset.partition import PartitionGrid
    from airflow_provider_convexport.export.dataset.store import Store
    from airflow_provider_convexport.export.dataset.survey import Held
    from airflow_provider_convexport.export.fetch.client import Client
    from airflow_provider_convexport.export.fetch.stream import Query
    from airflow_provider_convexport.export.fetch.window_reading import WindowReading
    from airflow_provider_convexport.export.job import Job
    from airflow_provider_convexport.export.stage.collected import Collected
    from airflow_provider_convexport.export.stage.segment import Segment


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Export:
    """Exports one interval; running it again has the same result (idempotent).

    :param job: What to export.
    :param client: Sends requests to the vendor.
    :param store: The destination.
    :param reporter: Reports progress.
    :param tuning: Intervals and sizes of staging, and memory for deduplication.
    :param now: Returns the current time as epoch seconds.
    """

    job: Job
    client: Client
    store: Store
    reporter: Reporter = field(default_factory=Reporter)
    tuning: Tuning = field(default_factory=Tuning)
    now: Callable[[], float] = time.time

    def run(self) -> Outcome:
        """Publish the interval's partitions, resuming from the checkpoint or plan of an earlier attempt.

        :raises ConfigurationError: before the first request, if the destination or one of the partitions
            holds another kind of export.
        :raises ConvExportError: see `airflow_provider_convexport.errors`.
        """
        return self._run(self._look())

    def _run(self, found: _Found) -> Outcome:
        grid = self.job.grid()
        new = self._check_destination(grid, found)
        before = {grid.key_of(index): held.seen.manifest for index, held in found.partitions.items()}
        try:
            return self._attempt(grid, new, found).compared_with(before)
        except _StagedWorkLostError:
            where = self.store.url_of(STAGING)
            log.warning("A staged object under %s has disappeared; the export starts again.", where)
        return self._attempt(grid, new).compared_with(before)

    def _attempt(self, grid: PartitionGrid, new: Dataset | None, found: _Found | None = None) -> Outcome:
        attempt = self._begin(found).probed()
        partitions = found.partitions if found is not None and attempt.is_first else {}
        seen = {index: held.seen for index, held in partitions.items() if held.is_clean}
        try:
            if new is not None:
                _register(attempt, new)
            plan, latest = attempt.adopt_plan(Plan, not_before=self._oldest), None
            if plan is None:
                plan, latest = self._make_plan(attempt, grid)
            if self.job.query.stream.window_undecided:  # and no record has disproved what is published
                ensure_registered(attempt.store, Dataset.of(self.job.query, grid))
            threads = self._threads
            publisher = Publisher(
                self.job, grid, attempt, plan, self.now, seen=seen, threads=threads, latest=latest
            )
            manifests = publisher.publish_all()
            attempt.finish()
        except FileNotFoundError as error:
            attempt.discard()  # says so if a newer attempt that has finished removed it
            raise _StagedWorkLostError(
                f"A staged object under {self.store.url_of(STAGING)} has disappeared; nothing was published "
                "from it, and the next try exports the interval from its beginning."
            ) from error
        return self._outcome(plan, grid, manifests)

    def run_decided(self, reading: WindowReading) -> tuple[Job, Outcome]:
        """Do the same as `run` with the ``window_on`` by which the vendor's window selects.

        :param reading: What is known about the account's windows.
        :returns: The job with that ``window_on``, and its outcome.
        """
        if not self.job.query.stream.window_undecided:
            return self.job, self.run()
        found = self._look()
        self._check_destination(self.job.grid(), found)
        is_decided = False

        def run(query: Query) -> tuple[Job, Outcome]:
            nonlocal is_decided
            # What was found is out of date as soon as an attempt has begun.
            there, is_decided = self._look() if is_decided else found, True
            job = replace(self.job, query=query)
            return job, replace(self, job=job)._run(there)

        try:
            return reading.use(self.job.query, self.job.asked, run)
        except RateLimitedError as error:
            if not is_decided:  # then the probe was asked to pause, before there was an attempt
                count_pause(self._begin(), error, max_pause=self.job.max_pause, now=self.now())
            raise

    @property
    def _threads(self) -> int:
        """Operations on the destination at the same time; a disk answers faster than a thread starts."""
        return 1 if self.store.is_local else self.tuning.store_threads

    def _begin(self, found: _Found | None = None) -> Attempt:
        return Attempt.begin(
            self.store,
            task=self.job.task_key,
            fingerprint=self.job.fingerprint,
            order=self.job.task.order,
            generation=None if found is None else found.generation,
        )

    def _look(self) -> _Found:
        """Read what is at the destination, before anything is written there."""
        grid, store, found = self.job.grid(), self.store, _Found()

        def look_at_dataset() -> None:
            found.dataset = read_dataset(store)

        def look_at_attempts() -> None:
            found.generation = next_generation(store, self.job.task_key)

        def look_at_partitions() -> None:
            folders = {grid.folder_of(index): index for index in grid.published}
            for folder, held in survey(store, list(folders), threads=self._threads):
                found.partitions[folders[folder]] = held

        looks: list[Callable[[], None]] = [look_at_partitions, look_at_dataset, look_at_attempts]
        for _ in in_parallel(_call, looks, threads=self._threads):
            pass
        return found

    def _check_destination(self, grid: PartitionGrid, found: _Found) -> Dataset | None:
        """Check that the destination may be exported to.

        :returns: What is to be recorded of the destination, if anything.
        :raises ConfigurationError: if the destination or one of the partitions holds another kind of export.
        """
        check_available(self.job.compression)
        dataset = Dataset.of(self.job.query, grid)
        was_registered = is_recorded(found.dataset, dataset, self.store)
        for index in grid.published:
            url = self.store.url_of(grid.folder_of(index))
            check_replaceable(found.partitions[index].seen.manifest, url, self.job.query, grid, index)
        if was_registered:
            return None
        return dataset.undecided() if self.job.query.stream.window_undecided else dataset

    def _make_plan(self, attempt: Attempt, grid: PartitionGrid) -> tuple[Plan, tuple[str, bytes] | None]:
        """Collect; return the plan, and name and content of the object that was staged last."""
        collected = self._collect(attempt, grid)
        drops = collected.find_duplicates(self._ids_of)
        partitions = partition_plans(
            collected.segments,
            drops,
            folders=[grid.folder_of(index) for index in range(grid.count)],
            target_file_bytes=self.job.target_file_bytes,
        )
        plan = Plan(
            saved_at=self.now(),
            requested_at=collected.requested_at,
            commit=commit_of(partitions, seed=attempt.name),
            partitions=partitions,
            counts=collected.counts.without(sum(map(len, drops.values()))),
            usage=collected.usage,
        )
        attempt.save_plan(plan, commit=plan.commit)
        return plan, collected.latest

    def _collect(self, attempt: Attempt, grid: PartitionGrid) -> Collected:
        job = self.job
        collector = Collector(
            self.client,
            job.query,
            grid,
            job.asked,
            attempt,
            concurrency=job.concurrency,
            reporter=self.reporter,
            max_pause=job.max_pause,
            tuning=self.tuning,
            now=self.now,
        )
        if checkpoint := attempt.newest_checkpoint(not_before=self._oldest):
            collector.resume(checkpoint)
        return collector.run()

    @property
    def _oldest(self) -> float:
        """Epoch seconds; work of earlier attempts that was saved before is not used."""
        return self.now() - self.job.checkpoint_max_age.total_seconds()

    def _ids_of(self, segment: Segment) -> list[str]:
        return decode_ids(self.store.get_range(segment.object, segment.ids_offset, segment.end))

    def _outcome(self, plan: Plan, grid: PartitionGrid, manifests: Mapping[int, Manifest]) -> Outcome:
        before = _of_earlier_tries(self.job, self.store, range(grid.published.start))
        new = [index for index, manifest in manifests.items() if manifest.commit == plan.commit]
        own = [index for index, manifest in manifests.items() if _is_own(manifest, self.job)]
        of_this_run = sorted({*new, *own})
        written = [*before, *(_published(grid, self.store, index, manifests[index]) for index in of_this_run)]
        return Outcome(
            plan, written, unchanged=len(manifests) - len(of_this_run), kept=len(written) - len(new)
        )


@dataclass(slots=True)
class _Found:
    """What was at the destination before the first request.

    :param dataset: What the destination holds.
    :param generation: Number of the task's next attempt.
    :param partitions: What the run's partitions hold, by their numbers in the grid.
    """

    dataset: Dataset | None = None
    generation: int = 1
    partitions: dict[int, Held] = field(default_factory=dict)


class _StagedWorkLostError(IncompleteExportError):
    """Staged work of this or an earlier attempt is gone, and all of it has been discarded."""


def _call(look: Callable[[], None]) -> None:
    look()


def _register(attempt: Attempt, dataset: Dataset) -> None:
    try:
        register(attempt.store, dataset)
    except ConfigurationError:
        attempt.discard()
        raise


def published_before(job: Job, store: Store) -> Outcome | None:
    """Return what earlier tries of the job's task published; ``None`` if that is nothing.

    It is for a try that has nothing left to export, because the vendor no longer keeps it.
    """
    earlier = _of_earlier_tries(job, store, range(job.grid().count))
    plan = Plan(saved_at=0.0, requested_at=0.0, commit="", partitions=[], counts=Counts(), usage=Usage())
    return Outcome(plan, earlier, kept=len(earlier)) if earlier else None


def _of_earlier_tries(job: Job, store: Store, indexes: Iterable[int]) -> list[Published]:
    grid = job.grid()
    there = [(index, _readable(store, grid.folder_of(index))) for index in indexes]
    return [
        _published(grid, store, index, manifest)
        for index, manifest in there
        if manifest is not None and _is_own(manifest, job)
    ]


def _readable(store: Store, folder: str) -> Manifest | None:
    """Return a manifest, or ``None`` for another object of that name: it does not concern this run."""
    try:
        return read_manifest(store, folder)
    except ConfigurationError:
        return None


def _is_own(manifest: Manifest, job: Job) -> bool:
    """Return whether a try of the job's task instance wrote it; runs without an id cannot be told apart."""
    return bool(job.task.run_id) and TaskTry.of(manifest).identity == job.task.identity


def _published(grid: PartitionGrid, store: Store, index: int, manifest: Manifest) -> Published:
    return Published(grid.key_of(index), store.url_of(f"{grid.folder_of(index)}/{MANIFEST}"), manifest)
