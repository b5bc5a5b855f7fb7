"""Makes the tables of a run's raw partitions: asks what is there, builds what has to change, switches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_convexport.errors import (
    ConfigurationError,
    DestinationUnavailableError,
    PartitionReplacedError,
)
from airflow_provider_convexport.tables.build import built
from airflow_provider_convexport.tables.raw import table_partitions_of
from airflow_provider_convexport.tables.target import verdict_on

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_provider_convexport.export.dataset.reader import PublishedPartition
    from airflow_provider_convexport.tables.build import FileSettings
    from airflow_provider_convexport.tables.target import (
        CatalogFacts,
        TablePartition,
        TableVersion,
        Target,
        WrittenPartition,
    )

_MAX_ROUNDS = 10
"""So often a raw partition may be replaced while it is read."""


@dataclass(frozen=True, slots=True)
class TablesOutcome:
    """The result of a run.

    :param written: The partitions that hold a version of this task instance.
    :param unchanged: By table, the number of partitions that stay as they were.
    :param catalog: The catalog that the tables are in, if they are in one.
    """

    written: list[WrittenPartition]
    unchanged: dict[str, int]
    catalog: CatalogFacts | None = None


def make_tables(
    partitions: Iterable[PublishedPartition], target: Target, settings: FileSettings
) -> TablesOutcome:
    """Make partitions of tables from raw partitions, those that have to change; the others cost one look.

    :param partitions: The raw partitions, in the order in which they are made.
    :param target: Where the tables are.
    :param settings: What their files look like.
    :raises ConfigurationError: if two raw partitions would become the same partition of a table, nothing maps
        a stream to tables, pyarrow is not installed, or source or target hold something else.
    :raises DestinationUnavailableError: if a retry may help.
    :raises WorkerDiskError: if the worker's temporary folder is full.
    """
    work = [(partition, table_partitions_of(partition)) for partition in partitions]
    _check_distinct(work)
    there = target.seen([key for _, keys in work for key in keys])
    for partition, keys in work:
        _make(partition, keys, there, target, settings)
    written = target.commit()
    unchanged: dict[str, int] = {}
    known = {each.key for each in written}
    for _, keys in work:
        for key in keys:
            unchanged[key.table] = unchanged.get(key.table, 0) + (key not in known)
    return TablesOutcome(written, unchanged, target.catalog_facts)


def _make(
    partition: PublishedPartition,
    keys: Sequence[TablePartition],
    there: Mapping[TablePartition, TableVersion],
    target: Target,
    settings: FileSettings,
) -> None:
    """Make the tables of one raw partition, of its newest version if that changes while it is read."""
    for _ in range(_MAX_ROUNDS):
        version = settings.version_of(partition)
        wanted = [key for key in keys if verdict_on(there.get(key), version) == "write"]
        if not wanted:
            return
        try:
            with built(partition, wanted, settings) as tables:
                for each in tables:
                    target.publish(each)
            return
        except PartitionReplacedError:
            partition = partition.again()
        if (present := table_partitions_of(partition)) != keys:  # its window_on was proven to be another one
            keys, there = present, target.seen(present)
    raise DestinationUnavailableError(
        url=partition.url,
        problem=f"it was replaced {_MAX_ROUNDS} times while it was read",
        connection=partition.store.connection,
    )


def _check_distinct(work: Iterable[tuple[PublishedPartition, Sequence[TablePartition]]]) -> None:
    sources: dict[tuple[str, str, str, str], str] = {}
    for partition, keys in work:
        for key in keys:
            place = (key.table, key.vendor, key.window_on, key.folder)
            if (other := sources.setdefault(place, partition.url)) != partition.url:
                raise ConfigurationError(
                    f"{other} and {partition.url} would become the same partition of the table {key.table}; "
                    "write one of them as a source, or give them separate destinations."
                )
