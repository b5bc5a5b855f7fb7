"""One run, as the engine sees it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_convexport.export.manifest import FORMAT_VERSION

if TYPE_CHECKING:
    from airflow_provider_convexport.export.compose import Compression
    from airflow_provider_convexport.export.manifest import Manifest
    from airflow_provider_convexport.export.partition import PartitionBy
    from airflow_provider_convexport.export.plan import Plan
    from airflow_provider_convexport.export.stream import Query
    from airflow_provider_convexport.export.window import Window

DEFAULT_TARGET_FILE_BYTES = 128 * 2**20


@dataclass(frozen=True, slots=True)
class TaskInstance:
    """Whose run it is; tries of one task instance share their staged work.

    :param try_number: Which try it is; not part of the identity.
    """

    dag_id: str = ""
    task_id: str = ""
    run_id: str = ""
    map_index: int = -1
    try_number: int = 1

    @property
    def identity(self) -> tuple[str, str, str, int]:
        """What all tries have in common."""
        return (self.dag_id, self.task_id, self.run_id, self.map_index)


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that decides what a run publishes.

    :param query: What to ask of the vendor.
    :param interval: The run's interval; exactly its records are published.
    :param partition_by: ``"day"``, ``"hour"`` or ``"interval"``.
    :param compression: ``"gzip"``, ``"zstd"`` or ``"none"``.
    :param target_file_bytes: A file is closed once it has that size.
    :param concurrency: Windows walked at a time; ``None`` for the vendor's best.
    :param checkpoint_max_age: Staged work older than that is not used.
    :param max_pause: Longest time that the vendor may ask this task to pause for, in total.
    :param task: Whose run it is.
    """

    query: Query
    interval: Window
    partition_by: PartitionBy = "day"
    compression: Compression = "gzip"
    target_file_bytes: int = DEFAULT_TARGET_FILE_BYTES
    concurrency: int | None = None
    checkpoint_max_age: timedelta = timedelta(days=1)
    max_pause: timedelta = timedelta(days=2)
    task: TaskInstance = field(default_factory=TaskInstance)

    @property
    def task_key(self) -> str:
        """Name of the task instance's staging folder."""
        return _digest(self.task.identity if self.task.run_id else (*self.task.identity, str(self.interval)))

    @property
    def fingerprint(self) -> str:
        """Of all that must be equal for an earlier attempt's work to be usable."""
        query = self.query
        return _digest(
            (
                FORMAT_VERSION,
                query.stream.vendor,
                query.stream.name,
                query.window_on,
                sorted(query.scope.items()),
                sorted(query.filters.items()),
                query.page_size,
                str(self.interval),
                self.partition_by,
                self.compression,
                self.target_file_bytes,
            )
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run published.

    :param plan: The plan that was carried out.
    :param manifests: The manifests, in order of their partitions.
    :param urls: The manifests' URLs.
    """

    plan: Plan
    manifests: list[Manifest]
    urls: list[str]

    @property
    def records(self) -> int:
        """Records published."""
        return sum(manifest.records for manifest in self.manifests)

    @property
    def bytes(self) -> int:
        """Size of all files published."""
        return sum(file.bytes for manifest in self.manifests for file in manifest.files)


def _digest(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value)).hexdigest()[:20]
