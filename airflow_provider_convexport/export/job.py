"""A job: everything that the engine needs to know about one run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Self

import msgspec

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.dataset.manifest import FORMAT_VERSION
from airflow_provider_convexport.export.dataset.partition import PartitionGrid
from airflow_provider_convexport.export.window import Window

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_convexport.export.dataset.compression import Compression
    from airflow_provider_convexport.export.dataset.manifest import Manifest
    from airflow_provider_convexport.export.dataset.partition import PartitionBy
    from airflow_provider_convexport.export.fetch.stream import Query

DEFAULT_TARGET_FILE_BYTES = 128 * 2**20
MAX_CONCURRENCY = 64
"""Each is a thread with a connection of its own."""


@dataclass(frozen=True, slots=True)
class TaskTry:
    """One try of an Airflow task instance; all tries of a task instance share their staged work.

    :param try_number: Number of the try, from 1; not part of the identity.
    :param order: Order of the tries; a newer try has a higher number, even if the Dag run was deleted and
        created again and its tries are numbered from 1 again.
    """

    dag_id: str = ""
    task_id: str = ""
    run_id: str = ""
    map_index: int = -1
    try_number: int = 1
    order: int = 0

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        """Return the task try that wrote a manifest."""
        return cls(
            dag_id=manifest.dag_id,
            task_id=manifest.task_id,
            run_id=manifest.run_id,
            map_index=manifest.map_index,
            try_number=manifest.try_number,
        )

    @property
    def identity(self) -> tuple[str, str, str, int]:
        """The task instance, which is the same for all its tries."""
        return (self.dag_id, self.task_id, self.run_id, self.map_index)


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that determines what a run publishes.

    :param query: What to request from the vendor.
    :param interval: The run's interval; exactly its records are published.
    :param partition_by: ``"day"``, ``"hour"`` or ``"interval"``.
    :param compression: ``"gzip"``, ``"zstd"`` or ``"none"``.
    :param target_file_bytes: A file is closed once it has this size.
    :param concurrency: Number of request windows fetched concurrently; ``None`` for the stream's default.
    :param checkpoint_max_age: Older staged work is not resumed.
    :param partition_timezone: IANA name of the zone that defines the days of ``"day"``.
    :param kept_from: Start of what is exported, because the vendor no longer keeps older records; ``None`` if
        it keeps all of the interval.
    :param skip_unchanged: Whether a partition is left unchanged if its records are the same as before.
    :param max_pause: Maximum total time for which the vendor may ask this task to pause.
    :param task: The task try that runs the job.
    :raises ConfigurationError: if ``target_file_bytes``, ``concurrency`` or ``max_pause`` is not a number or
        a timedelta above zero, or ``skip_unchanged`` is not a boolean.
    """

    query: Query
    interval: Window
    partition_by: PartitionBy = "day"
    partition_timezone: str = "UTC"
    kept_from: datetime | None = None
    skip_unchanged: bool = False
    compression: Compression = "gzip"
    target_file_bytes: int = DEFAULT_TARGET_FILE_BYTES
    concurrency: int | None = None
    checkpoint_max_age: timedelta = timedelta(days=1)
    max_pause: timedelta = timedelta(days=2)
    task: TaskTry = field(default_factory=TaskTry)

    def __post_init__(self) -> None:
        self._check_counts()
        if type(self.skip_unchanged) is not bool:
            raise ConfigurationError(
                f"skip_unchanged={self.skip_unchanged!r} is neither True nor False; write one of these."
            )
        if not isinstance(self.max_pause, timedelta) or self.max_pause <= timedelta(0):
            raise ConfigurationError(
                f"max_pause={self.max_pause!r} is not a timedelta above zero; "
                "write max_pause=timedelta(days=2), which is the default, or another such length of time."
            )

    def grid(self) -> PartitionGrid:
        """Return the run's partitions.

        :raises ConfigurationError: if the interval cannot be divided that way.
        """
        return PartitionGrid(
            self.interval,
            self.partition_by,
            self.query.scope,
            timezone=self.partition_timezone,
            kept_from=self.kept_from,
        )

    def _check_counts(self) -> None:
        counts = {"target_file_bytes": (self.target_file_bytes, DEFAULT_TARGET_FILE_BYTES)}
        if self.concurrency is not None:
            counts["concurrency"] = (self.concurrency, self.query.stream.concurrency)
        for argument, (count, default) in counts.items():
            if type(count) is not int or count < 1:
                raise ConfigurationError(
                    f"{argument}={count!r} is not a whole number of 1 or more; write {argument}={default}, "
                    "which is the default, or another such number."
                )
        if (self.concurrency or 1) > MAX_CONCURRENCY:
            raise ConfigurationError(
                f"concurrency={self.concurrency} is more than {MAX_CONCURRENCY}, and all threads share one "
                f"rate limit; write concurrency={self.query.stream.concurrency}, which is the default."
            )

    @property
    def asked(self) -> Window:
        """The part of the interval that is requested from the vendor."""
        return self.interval if self.kept_from is None else Window(self.kept_from, self.interval.end)

    @property
    def task_key(self) -> str:
        """Name of the task instance's staging folder: a digest."""
        return _digest(self.task.identity if self.task.run_id else (*self.task.identity, str(self.interval)))

    @property
    def fingerprint(self) -> str:
        """Digest of all settings that must be equal if the work of an earlier attempt is to be resumed."""
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
                str(self.asked),
                self.partition_by,
                self.partition_timezone,
                self.compression,
                self.target_file_bytes,
                *([query.account] if query.account else []),
            )
        )


def _digest(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value)).hexdigest()[:20]
