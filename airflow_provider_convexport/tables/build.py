"""Makes Parquet files of one raw partition: all its tables in one pass over its records."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_convexport import __version__
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.tables.mapping import RowReader
from airflow_provider_convexport.tables.parquet_files import (
    BATCH_BYTES,
    BATCH_ROWS,
    ROW_GROUP_BYTES,
    ROW_GROUP_ROWS,
    ParquetFiles,
    batches,
)
from airflow_provider_convexport.tables.raw import raw_version_of
from airflow_provider_convexport.tables.schema import SCHEMA_VERSION, TABLES
from airflow_provider_convexport.tables.target import BuiltPartition, TableVersion

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_convexport.export.dataset.reader import PublishedPartition
    from airflow_provider_convexport.tables.target import TablePartition

DEFAULT_TARGET_FILE_BYTES = 128 * 2**20


@dataclass(frozen=True, slots=True)
class FileSettings:
    """What the files of tables look like.

    :param include_raw: Whether the column ``raw`` is written.
    :param target_file_bytes: A file is closed once it has this size.
    :raises ConfigurationError: if they are no boolean, or no whole number of 1 or more.
    """

    include_raw: bool = True
    target_file_bytes: int = DEFAULT_TARGET_FILE_BYTES

    def __post_init__(self) -> None:
        if type(self.include_raw) is not bool:
            raise ConfigurationError(
                f"include_raw={self.include_raw!r} is neither True nor False; write one of these."
            )
        if type(self.target_file_bytes) is not int or self.target_file_bytes < 1:
            raise ConfigurationError(
                f"target_file_bytes={self.target_file_bytes!r} is not a whole number of 1 or more; write "
                f"target_file_bytes={DEFAULT_TARGET_FILE_BYTES}, which is the default, or another such "
                "number."
            )

    def version_of(self, partition: PublishedPartition) -> TableVersion:
        """Return the version that is built from a raw partition as its manifest describes it."""
        return TableVersion(raw_version_of(partition), SCHEMA_VERSION, self.include_raw)


@contextlib.contextmanager
def built(
    partition: PublishedPartition, keys: Sequence[TablePartition], settings: FileSettings
) -> Iterator[list[BuiltPartition]]:
    """Build partitions of tables, whose files are there until the end of the block.

    :param partition: The raw partition; exactly the version that its manifest describes is read.
    :param keys: The partitions of tables that are made of it, at least one.
    :param settings: What the files look like.
    :raises PartitionReplacedError: if a new raw version was published while this one was read.
    :raises ConfigurationError: if pyarrow is not installed, or the raw partition cannot be read.
    :raises DestinationUnavailableError: if a retry may help.
    :raises WorkerDiskError: if the worker's temporary folder is full.
    """
    with contextlib.ExitStack() as open_until:
        builders = [_Builder(partition, key, settings, open_until) for key in keys]
        for lines in batches(partition.lines(follow=False)):
            for builder in builders:
                builder.add(lines)
        yield [builder.finish() for builder in builders]


class _Builder:
    """Builds one partition of one table."""

    def __init__(
        self,
        partition: PublishedPartition,
        key: TablePartition,
        settings: FileSettings,
        open_until: contextlib.ExitStack,
    ) -> None:
        self._partition, self._key, self._settings = partition, key, settings
        self._reader = RowReader(key.vendor, key.stream, key.table)
        self._common = common_values(partition, key)
        self._files = ParquetFiles(
            TABLES[key.table],
            self._common,
            include_raw=settings.include_raw,
            target_file_bytes=settings.target_file_bytes,
            open_until=open_until,
        )

    def add(self, lines: Sequence[bytes]) -> None:
        self._files.add(self._reader.columns(lines))

    def finish(self) -> BuiltPartition:
        files = self._files.finish()
        drift = self._reader.drift
        return BuiltPartition(
            key=self._key,
            version=self._settings.version_of(self._partition),
            partition=self._partition,
            files=files,
            rows=self._files.rows,
            drift={column: dict(sorted(drift[column].items())) for column in sorted(drift) if drift[column]},
            fingerprint=self._fingerprint(),
        )

    def _fingerprint(self) -> str:
        import pyarrow as pa

        facts = (
            self._partition.manifest.commit,
            self._key.table,
            [str(value) for value in self._common],
            SCHEMA_VERSION,
            __version__,
            pa.__version__,
            self._settings.include_raw,
            self._settings.target_file_bytes,
            (BATCH_ROWS, BATCH_BYTES, ROW_GROUP_ROWS, ROW_GROUP_BYTES),
        )
        return hashlib.sha256(msgspec.json.encode(facts)).hexdigest()


def common_values(partition: PublishedPartition, key: TablePartition) -> tuple[object, ...]:
    """Return the values of the columns in `tables.schema.COMMON`, which are the same in all rows."""
    published_at = datetime.fromisoformat(partition.manifest.committed_at)
    return (key.vendor, key.scope_text, key.date, key.window_on, published_at)
