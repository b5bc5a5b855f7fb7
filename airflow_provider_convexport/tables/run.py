"""Makes the tables of a run's raw partitions: asks what is there, builds what has to change, switches.

Where a vendor does not say by which time its window selects, a raw partition may have been exported on an
assumption, and be replaced once another ``window_on`` is proven. Its former partitions of tables, under the
``window_on`` that was assumed, are emptied then: no record is in a table twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_convexport.errors import (
    ConfigurationError,
    DestinationUnavailableError,
    PartitionReplacedError,
)
from airflow_provider_convexport.tables.build import built
from airflow_provider_convexport.tables.raw import table_partitions_of
from airflow_provider_convexport.tables.target import BuiltPartition, verdict_on

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from airflow_provider_convexport.export.dataset.manifest import Manifest
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
_PROVEN = frozenset(("probe", "page"))
"""Values of a manifest's ``window_evidence`` that disprove every other ``window_on``."""


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


def _none(manifest: Manifest) -> Collection[str]:
    del manifest
    return ()


def make_tables(
    partitions: Iterable[PublishedPartition],
    target: Target,
    settings: FileSettings,
    *,
    other_windows: Callable[[Manifest], Collection[str]] = _none,
) -> TablesOutcome:
    """Make partitions of tables from raw partitions, those that have to change; the others cost one look.

    :param partitions: The raw partitions, in the order in which they are made.
    :param target: Where the tables are.
    :param settings: What their files look like.
    :param other_windows: Returns each other ``window_on`` that an older version of a raw partition may have.
    :raises ConfigurationError: if two raw partitions would become the same partition of a table, nothing maps
        a stream to tables, pyarrow is not installed, or source or target hold something else.
    :raises DestinationUnavailableError: if a retry may help.
    :raises WorkerDiskError: if the worker's temporary folder is full.
    """
    work = [(partition, table_partitions_of(partition)) for partition in partitions]
    _check_distinct(work)
    there = target.seen([key for _, keys in work for key in keys])
    made = [_make(partition, keys, there, target, settings) for partition, keys in work]
    present = {key for _, keys in made for key in keys}
    for partition, keys in made:
        others = other_windows(partition.manifest)
        former = [replace(key, window_on=other) for other in others for key in keys]
        _empty(partition, [key for key in former if key not in present], target, settings)
    written = target.commit()
    unchanged: dict[str, int] = {}
    known = {each.key for each in written}
    for key in present:
        unchanged[key.table] = unchanged.get(key.table, 0) + (key not in known)
    return TablesOutcome(written, unchanged, target.catalog_facts)


def _make(
    partition: PublishedPartition,
    keys: Sequence[TablePartition],
    there: Mapping[TablePartition, TableVersion],
    target: Target,
    settings: FileSettings,
) -> tuple[PublishedPartition, Sequence[TablePartition]]:
    """Make the tables of one raw partition, of its newest version if that changes while it is read.

    :returns: The raw partition as it was read, and its partitions of tables.
    """
    for _ in range(_MAX_ROUNDS):
        version = settings.version_of(partition)
        wanted = [key for key in keys if verdict_on(there.get(key), version) == "write"]
        if not wanted:
            return partition, keys
        try:
            with built(partition, wanted, settings) as tables:
                for each in tables:
                    target.publish(each)
            return partition, keys
        except PartitionReplacedError:
            partition = partition.again()
        if (present := table_partitions_of(partition)) != keys:  # its window_on was proven to be another one
            keys, there = present, target.seen(present)
    raise DestinationUnavailableError(
        url=partition.url,
        problem=f"it was replaced {_MAX_ROUNDS} times while it was read",
        connection=partition.store.connection,
    )


def _empty(
    partition: PublishedPartition, former: Sequence[TablePartition], target: Target, settings: FileSettings
) -> None:
    """Empty the partitions of tables that hold an older version of a raw partition under another name."""
    if not former:
        return
    here = settings.version_of(partition)
    is_proven = partition.manifest.window_evidence in _PROVEN
    try:
        there = target.seen(former)
    except ConfigurationError:  # they hold another export
        return
    for key, version in there.items():
        is_ours = is_proven or version.source.url == here.source.url
        if is_ours and verdict_on(version, here) == "write":
            target.publish(BuiltPartition(key, here, partition, (), 0, {}, fingerprint="emptied"))


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
