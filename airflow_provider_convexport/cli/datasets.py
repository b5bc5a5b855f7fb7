"""What reports need of published partitions, grouped into datasets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_convexport.cli.window_sets import gaps, overlaps, union
from airflow_provider_convexport.export.dataset.folders import dataset_of, kind_of
from airflow_provider_convexport.export.dataset.manifest import Manifest, Span
from airflow_provider_convexport.export.window import Window

if TYPE_CHECKING:
    from airflow_provider_convexport.export.dataset.partition import PartitionBy


@dataclass(frozen=True, slots=True)
class PartitionFacts:
    """What a report needs of a manifest; there may be hundreds of thousands of them in memory.

    :param covers: The span of time for which the partition is complete.
    :param records: Number of its records.
    :param bytes: Size of its files.
    :param expired: First part of its run's interval, if the vendor no longer kept it.
    :param kind: What the partition is, as its folder says: ``"day"``, ``"hour"`` or ``"interval"``.
    :param requested_at: When its run sent the first request, in epoch seconds; where the manifest does not
        say, when it was committed.
    :param committed_at: When it was committed, in epoch seconds.
    """

    covers: Window
    records: int
    bytes: int
    expired: Window | None
    kind: PartitionBy
    requested_at: float
    committed_at: float

    @classmethod
    def of(cls, folder: str, manifest: Manifest) -> PartitionFacts:
        """Return what is needed of a manifest.

        :param folder: The partition's folder.
        :raises ValueError: if one of its times is none.
        """
        expired = manifest.expired.window if isinstance(manifest.expired, Span) else None
        size = sum(file.bytes for file in manifest.files)
        committed = datetime.fromisoformat(manifest.committed_at).timestamp()
        asked = manifest.requested_at
        requested = datetime.fromisoformat(asked).timestamp() if isinstance(asked, str) else committed
        return cls(manifest.covers, manifest.records, size, expired, kind_of(folder), requested, committed)


class DatasetKey(NamedTuple):
    """What the partitions of a dataset have in common; ``scope`` and ``filters`` as sorted pairs.

    :param folder: The folder, relative to the destination; includes the scope's folders, but no partition's.
    """

    folder: str
    vendor: str
    stream: str
    window_on: str
    scope: tuple[tuple[str, str], ...]
    filters: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, folder: str, manifest: Manifest) -> DatasetKey:
        """Return the dataset of a partition.

        :param folder: The partition's folder.
        """
        scope, filters = sorted(manifest.scope.items()), sorted(manifest.filters.items())
        return cls(
            dataset_of(folder),
            manifest.vendor,
            manifest.stream,
            manifest.window_on,
            tuple(scope),
            tuple(filters),
        )


@dataclass(frozen=True, slots=True)
class Dataset:
    """The published partitions below one folder with the same vendor, stream, scope, filters, ``window_on``.

    :param key: What they have in common.
    :param partitions: The partitions that were read, at least one, in order of time.
    """

    key: DatasetKey
    partitions: tuple[PartitionFacts, ...]

    @property
    def scope(self) -> dict[str, str]:
        """The shop or bot."""
        return dict(self.key.scope)

    @property
    def filters(self) -> dict[str, str]:
        """The filters of the export."""
        return dict(self.key.filters)

    @property
    def windows(self) -> list[Window]:
        """For each partition the span of time for which it is complete."""
        return [partition.covers for partition in self.partitions]

    @property
    def span(self) -> Window:
        """From the earliest start of a partition to the latest end."""
        return Window(min(each.start for each in self.windows), max(each.end for each in self.windows))

    @property
    def gaps(self) -> list[Window]:
        """The parts of the span that no partition covers."""
        return gaps(self.span, self.windows)

    @property
    def overlaps(self) -> list[Window]:
        """The parts of the span that more than one partition covers, so that records are published twice."""
        return overlaps(self.windows)

    @property
    def empty(self) -> list[Window]:
        """The parts of the span that were exported and have no records."""
        return union(each.covers for each in self.partitions if not each.records)

    @property
    def expired(self) -> list[Window]:
        """The spans that the vendor no longer kept when they were exported, and that no partition covers."""
        lost = union(each.expired for each in self.partitions if each.expired is not None)
        return [gap for span in lost for gap in gaps(span, self.windows)]

    @property
    def records(self) -> int:
        """Number of records in all partitions."""
        return sum(partition.records for partition in self.partitions)

    @property
    def bytes(self) -> int:
        """Size of all published files, in bytes."""
        return sum(partition.bytes for partition in self.partitions)
