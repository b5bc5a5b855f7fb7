"""Writes the files of a new version of a partition, and its manifest."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import UNSET

from airflow_provider_convexport import __version__
from airflow_provider_convexport.export.dataset.compression import suffix_of
from airflow_provider_convexport.export.dataset.manifest import (
    FORMAT_VERSION,
    FileEntry,
    Manifest,
    RunFacts,
    Span,
)
from airflow_provider_convexport.export.publish.compose import compose
from airflow_provider_convexport.export.publish.digest import digest_of_lines
from airflow_provider_convexport.export.stage.segment import inflate, without
from airflow_provider_convexport.export.window import iso

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from airflow_provider_convexport.export.dataset.partition import PartitionGrid
    from airflow_provider_convexport.export.dataset.store import Store
    from airflow_provider_convexport.export.job import Job
    from airflow_provider_convexport.export.publish.plan import PartitionPlan, Plan, Source
    from airflow_provider_convexport.export.publish.staged_reader import StagedReader
    from airflow_provider_convexport.export.stage.segment import Segment


@dataclass(frozen=True)
class VersionWriter:
    """Writes what a plan says about one partition; the same plan always gives the same files.

    :param job: What is exported.
    :param grid: The run's partitions.
    :param store: The destination.
    :param plan: What to publish.
    :param partition: The partition.
    :param now: Returns the current time as epoch seconds.
    :param reader: Reads staged segments.
    """

    job: Job
    grid: PartitionGrid
    store: Store
    plan: Plan
    partition: PartitionPlan
    now: Callable[[], float]
    reader: StagedReader

    @property
    def records(self) -> int:
        """Number of records in the version."""
        return sum(source.records for source in self.partition.sources)

    @functools.cached_property
    def digest(self) -> str | None:
        """Digest of the version's records; ``None`` if the job does not ask for it."""
        if not self.job.skip_unchanged:
            return None
        parts = self._parts(self.partition.sources)
        return digest_of_lines(inflate(segment, data) for segment, data in parts)

    def write(self) -> Manifest:
        """Write the version's files, and return its manifest, which is not written here."""
        return self._manifest([self._write(number, each) for number, each in enumerate(self.partition.files)])

    def _write(self, number: int, sources: Sequence[Source]) -> FileEntry:
        compression = self.job.compression
        name = f"part-{self.plan.commit}-{number:05d}{suffix_of(compression)}"
        with self.store.temporary_file() as path:
            with self.store.opened(path) as file:
                composed = compose(self._parts(sources), file, compression=compression)
            self.store.put_file(f"{self.partition.folder}/{name}", path)
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
            data = self.reader.read(segment)
            yield without(segment, data, set(source.drop)) if source.drop else (segment, data)

    def _manifest(self, files: list[FileEntry]) -> Manifest:
        query, plan, job = self.job.query, self.plan, self.job
        counts = plan.counts
        segments = [source.segment for source in self.partition.sources]
        return Manifest(
            format_version=FORMAT_VERSION,
            provider_version=__version__,
            vendor=query.stream.vendor,
            stream=query.stream.name,
            scope=dict(query.scope),
            filters=dict(query.filters),
            window_on=query.window_on,
            partition=Span.of(self.grid.window_of(self.partition.index)),
            interval=Span.of(job.interval),
            records=sum(file.records for file in files),
            first_record_at=moment_text(min(_present(each.first for each in segments), default=None)),
            last_record_at=moment_text(max(_present(each.last for each in segments), default=None)),
            files=files,
            run=RunFacts(
                pages=plan.usage.pages,
                requests=plan.usage.requests,
                duplicates=counts.duplicates,
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
            content_digest=UNSET if self.digest is None else self.digest,
            requested_at=moment_text(plan.requested_at) or UNSET,
            window_evidence=query.window_evidence or UNSET,
            account=query.account or UNSET,
        )


def _present(moments: Iterable[float | None]) -> Iterator[float]:
    return (moment for moment in moments if moment is not None)


def moment_text(epoch: float | None) -> str | None:
    """Format a time in UTC; ``None`` if there is none or it is outside the years 1 to 9999."""
    try:
        return None if epoch is None else iso(datetime.fromtimestamp(epoch, tz=UTC))
    except (OverflowError, ValueError, OSError):
        return None
