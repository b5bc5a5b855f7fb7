"""Writes what one commit changes of an Iceberg table into a transaction of pyiceberg."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_convexport.tables.iceberg_problems import explained
from airflow_provider_convexport.tables.iceberg_table import add_columns, metrics
from airflow_provider_convexport.tables.iceberg_version import (
    PARTITION_COLUMNS,
    empty_property,
    partition_of,
    surplus_of,
    token_of,
    values_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table as IcebergTable
    from pyiceberg.table import Transaction
    from pyiceberg.table.metadata import TableMetadata

    from airflow_provider_convexport.tables.schema import Table
    from airflow_provider_convexport.tables.target import TablePartition, TableVersion

COMMIT = "convexport.commit"
INTERVAL = "convexport.interval"
PARTITIONS = "convexport.partitions"
TASK = "convexport.task"
_SUMMARY_CHARACTERS = 16_000
"""Greatest length of the list of partitions in a snapshot's summary; some catalogs copy summaries."""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A partition whose files lie in the table's folder.

    :param key: Which partition.
    :param version: What its rows were made from.
    :param paths: URLs of its files; none if it has no rows.
    :param rows: Number of rows.
    :param bytes: Size of the files.
    """

    key: TablePartition
    version: TableVersion
    paths: Sequence[str]
    rows: int
    bytes: int


@dataclass(slots=True)
class TransactionWriter:
    """Fills the transactions of one commit; it may need several until the catalog takes one.

    :param table: The table's schema.
    :param commit: Id of the commit.
    :param task: The task instance.
    """

    table: Table
    commit: str
    task: str
    _files: dict[tuple[str, int, int], DataFile] = field(default_factory=dict)

    def fill(
        self,
        transaction: Transaction,
        table: IcebergTable,
        wanted: list[Uploaded],
        replaced: Sequence[DataFile],
    ) -> None:
        """Put into a transaction what replaces partitions: columns, properties and one or two snapshots.

        :param transaction: The transaction, which is still empty.
        :param table: The table as it is now.
        :param wanted: What to put there.
        :param replaced: The files of these partitions that are there now.
        :raises CatalogProblem: if a file cannot be read.
        """
        add_columns(transaction, table, self.table)
        added = [file for each in wanted for file in self._data_files(transaction, table, each)]
        self._set_properties(transaction, table, wanted)
        facts = self._summary(wanted)
        if replaced:
            with transaction.update_snapshot(snapshot_properties=facts).overwrite() as deletion:
                for file in replaced:
                    deletion.delete_data_file(file)
        # Also without files, so that a commit of empty partitions has a snapshot of its own.
        with transaction.update_snapshot(snapshot_properties=facts).merge_append() as addition:
            for file in added:
                addition.append_data_file(file)

    def _set_properties(self, transaction: Transaction, table: IcebergTable, wanted: list[Uploaded]) -> None:
        """Set the properties of partitions without rows, and remove those of partitions that have some."""
        empty = {
            empty_property(each.key): f"{each.key.date} {token_of(each.key, each.version, self.commit)}"
            for each in wanted
            if not each.paths
        }
        filled = {empty_property(each.key) for each in wanted if each.paths}
        kept = {name: value for name, value in table.properties.items() if name not in filled} | empty
        surplus = surplus_of(kept.items())
        if new := {name: value for name, value in empty.items() if name not in surplus}:
            transaction.set_properties(new)
        if gone := [name for name in (*filled, *surplus) if name in table.properties]:
            transaction.remove_properties(*gone)

    def _data_files(
        self, transaction: Transaction, table: IcebergTable, uploaded: Uploaded
    ) -> list[DataFile]:
        """Return what manifests say of files; their footers are read once for each version of the schema."""
        from pyiceberg.io.pyarrow import parquet_file_to_data_file

        # Whatever the table's properties say: the partition is read from the statistics.
        metadata: TableMetadata = transaction.table_metadata
        settings = {**metadata.properties, **metrics(self.table)}
        metadata = metadata.model_copy(update={"properties": settings})
        files = []
        for path in uploaded.paths:
            place = (path, metadata.current_schema_id, metadata.default_spec_id)
            if place not in self._files:
                with explained():
                    self._files[place] = parquet_file_to_data_file(table.io, metadata, path)
                _check_partition(self._files[place], metadata, uploaded.key)
            files.append(self._files[place])
        return files

    def _summary(self, wanted: list[Uploaded]) -> dict[str, str]:
        """Return what a snapshot says of its commit."""
        listed: list[dict[str, Any]] = []
        for each in sorted(wanted, key=lambda one: [str(value) for value in values_of(one.key)]):
            source = each.version.source
            listed.append(
                {
                    "vendor": each.key.vendor,
                    "scope": each.key.scope_text,
                    "window_on": each.key.window_on,
                    "date": str(each.key.date),
                    "rows": each.rows,
                    "raw_commit": source.commit,
                    "requested_at": source.requested_at,
                }
            )
        spans = [each.key.partition for each in wanted]
        start, end = min(span.start for span in spans), max(span.end for span in spans)
        return {
            COMMIT: self.commit,
            TASK: self.task,
            INTERVAL: f"{start}/{end}",
            PARTITIONS: _bounded(listed),
        }


def _check_partition(file: DataFile, metadata: TableMetadata, key: TablePartition) -> None:
    """Check that a file's statistics say the partition that it belongs to."""
    read = partition_of(file, metadata.spec())
    wanted = values_of(key)
    if read != wanted:
        raise TypeError(
            f"A file of {key.date} has the partition {read} of {PARTITION_COLUMNS}, not {wanted}."
        )


def _bounded(listed: list[dict[str, Any]]) -> str:
    """Return a list as JSON, cut at its end if it is too long; then a number says how many are left out."""
    text = msgspec.json.encode(listed).decode()
    kept = len(listed)
    while len(text) > _SUMMARY_CHARACTERS:
        kept = kept * _SUMMARY_CHARACTERS // (len(text) + 100)
        text = msgspec.json.encode([*listed[:kept], {"left_out": len(listed) - kept}]).decode()
    return text
