"""Publishes partitions: writes the files, then the manifest, then deletes the files of the old version."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import UNSET

from airflow_provider_convexport import __version__
from airflow_provider_convexport.export.dataset.compression import suffix_of
from airflow_provider_convexport.export.dataset.manifest import (
    FORMAT_VERSION,
    MANIFEST,
    FileEntry,
    Manifest,
    RunFacts,
    Span,
    check_replaceable,
    read_manifest,
)
from airflow_provider_convexport.export.job import TaskTry
from airflow_provider_convexport.export.publish.compose import compose
from airflow_provider_convexport.export.publish.digest import digest_of_lines, digest_of_partition
from airflow_provider_convexport.export.stage.segment import inflate, without
from airflow_provider_convexport.export.window import iso

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from airflow_provider_convexport.export.dataset.partition import PartitionGrid
    from airflow_provider_convexport.export.job import Job
    from airflow_provider_convexport.export.publish.plan import PartitionPlan, Plan, Source
    from airflow_provider_convexport.export.stage.attempt import Attempt
    from airflow_provider_convexport.export.stage.segment import Segment


log = logging.getLogger(__name__)

_OURS = re.compile(r"part-[0-9a-f]{16}-\d{5,}\.jsonl(\.gz|\.zst)?")
"""Names of published files; other files in the folder are never deleted."""


@dataclass(frozen=True, slots=True)
class Publisher:
    """Carries out one plan; it is idempotent, even if two attempts do it concurrently.

    :param job: What is exported.
    :param grid: The run's partitions.
    :param attempt: The running attempt; its lease is checked before a manifest is written.
    :param plan: What to publish.
    :param now: Returns the current time as epoch seconds.
    """

    job: Job
    grid: PartitionGrid
    attempt: Attempt
    plan: Plan
    now: Callable[[], float]

    def publish(self, partition: PartitionPlan) -> Manifest:
        """Publish one partition and return its manifest, or the existing one if the partition is unchanged.

        :raises SupersededError: if a newer attempt has taken over; it publishes the same plan.
        :raises ConfigurationError: if the partition was written by another kind of export.
        """
        store = self.attempt.store
        folder = self.grid.folder_of(partition.index)
        manifest = read_manifest(store, folder)
        if manifest is None or manifest.commit != self.plan.commit:
            check_replaceable(manifest, store.url_of(folder), self.job.query, self.grid, partition.index)
            digest = digest_of_lines(self._lines(partition)) if self.job.skip_unchanged else None
            if manifest is None or not self._should_keep(folder, manifest, partition, digest):
                manifest = self._replace(folder, partition, digest)
        self._sweep(folder, manifest)
        return manifest

    def _should_keep(
        self, folder: str, there: Manifest, partition: PartitionPlan, digest: str | None
    ) -> bool:
        """Return whether the published version is to be kept instead of being replaced."""
        covered = self.grid.covered_of(partition.index)
        if there.is_requested_after(self.plan.requested_at):
            log.warning(
                "The partition %s keeps the version of %s.%s (%s), whose records were requested later.",
                folder,
                there.dag_id,
                there.task_id,
                there.run_id,
            )
            return True
        if there.covers.start < covered.start and there.covers.covers(covered):
            return True  # published when the vendor still kept more
        if digest is None or there.covers != covered:
            return False
        if there.records != sum(source.records for source in partition.sources) or self._is_own(there):
            return False
        try:
            return self._has_all_files(folder, there) and digest == digest_of_partition(
                self.attempt.store, folder, there
            )
        except FileNotFoundError:
            return False

    def _is_own(self, manifest: Manifest) -> bool:
        """Return whether an earlier try of this task instance wrote it, which emitted no asset event yet."""
        return TaskTry.of(manifest).identity == self.job.task.identity

    def _has_all_files(self, folder: str, manifest: Manifest) -> bool:
        there = set(self.attempt.store.find(folder))
        return all(f"{folder}/{file.name}" in there for file in manifest.files)

    def _lines(self, partition: PartitionPlan) -> Iterator[bytes]:
        return (inflate(segment, data) for segment, data in self._parts(partition.sources))

    def _replace(self, folder: str, partition: PartitionPlan, digest: str | None) -> Manifest:
        files = [self._write(folder, number, sources) for number, sources in enumerate(partition.files)]
        manifest = self._manifest(partition, files, digest)
        self.attempt.check()
        self.attempt.store.put(f"{folder}/{MANIFEST}", manifest.encode())
        return manifest

    def _write(self, folder: str, number: int, sources: Sequence[Source]) -> FileEntry:
        compression = self.job.compression
        name = f"part-{self.plan.commit}-{number:05d}{suffix_of(compression)}"
        store = self.attempt.store
        path = store.temporary_file()
        try:
            with path.open("wb") as file:
                composed = compose(self._parts(sources), file, compression=compression)
            store.put_file(f"{folder}/{name}", path)
        finally:
            path.unlink(missing_ok=True)
        return FileEntry(
            name=name,
            records=composed.records,
            bytes=composed.bytes,
            uncompressed_bytes=composed.uncompressed_bytes,
            sha256=composed.sha256,
        )

    def _parts(self, sources: Sequence[Source]) -> Iterator[tuple[Segment, bytes]]:
        for source in sources:
            segment = source.segment
            data = self.attempt.store.get_range(segment.object, segment.offset, segment.ids_offset)
            yield without(segment, data, set(source.drop)) if source.drop else (segment, data)

    def _manifest(self, partition: PartitionPlan, files: list[FileEntry], digest: str | None) -> Manifest:
        query, plan, job = self.job.query, self.plan, self.job
        counts = plan.counts
        segments = [source.segment for source in partition.sources]
        return Manifest(
            format_version=FORMAT_VERSION,
            provider_version=__version__,
            vendor=query.stream.vendor,
            stream=query.stream.name,
            scope=dict(query.scope),
            filters=dict(query.filters),
            window_on=query.window_on,
            partition=Span.of(self.grid.window_of(partition.index)),
            interval=Span.of(job.interval),
            records=sum(file.records for file in files),
            first_record_at=_moment(min((s.first for s in segments if s.first is not None), default=None)),
            last_record_at=_moment(max((s.last for s in segments if s.last is not None), default=None)),
            files=files,
            run=RunFacts(
                pages=plan.usage.pages,
                requests=plan.usage.requests,
                duplicates=counts.duplicates
                + sum(len(source.drop) for each in plan.partitions for source in each.sources),
                outside_interval=counts.outside_interval,
                undated=counts.undated,
                throttled_seconds=round(plan.usage.throttled_seconds, 3),
            ),
            dag_id=job.task.dag_id,
            task_id=job.task.task_id,
            run_id=job.task.run_id,
            map_index=job.task.map_index,
            try_number=job.task.try_number,
            commit=plan.commit,
            committed_at=iso(datetime.fromtimestamp(round(self.now()), tz=UTC)),
            expired=UNSET if self.grid.expired is None else Span.of(self.grid.expired),
            content_digest=UNSET if digest is None else digest,
            requested_at=_moment(plan.requested_at) or UNSET,
            window_evidence=query.window_evidence or UNSET,
        )

    def _sweep(self, folder: str, manifest: Manifest) -> None:
        """Delete files that no version of the partition needs: those of the old version and of dead attempts.

        Files are listed first, then plans, then the manifest is read. So files of another task that publishes
        the same partition concurrently are not deleted: that task's plan exists from before its first file is
        written until after its manifest is written.
        """
        store = self.attempt.store
        prefix = f"{folder}/part-"
        wanted = {f"{folder}/{file.name}" for file in manifest.files}
        ours = [path for path in store.find(folder) if _OURS.fullmatch(path.removeprefix(f"{folder}/"))]
        unknown = [path for path in ours if path not in wanted]
        if not unknown:
            return
        busy = self.attempt.planned_elsewhere()
        present = read_manifest(store, folder)
        if present is not None:
            busy.add(present.commit)
            store.delete(path for path in unknown if path.removeprefix(prefix).split("-")[0] not in busy)


def _moment(epoch: float | None) -> str | None:
    """Format a record's time; ``None`` if there is none or it is outside the years 1 to 9999."""
    try:
        return None if epoch is None else iso(datetime.fromtimestamp(epoch, tz=UTC))
    except (OverflowError, ValueError, OSError):
        return None
