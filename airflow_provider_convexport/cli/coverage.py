"""Reads what is published under a destination from its manifests."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_convexport.cli.progress import NO_PROGRESS
from airflow_provider_convexport.cli.window_sets import gaps, overlaps, union
from airflow_provider_convexport.export.dataset.folders import (
    READERS,
    dataset_of,
    is_of,
    manifest_folders,
    may_overlap,
)
from airflow_provider_convexport.export.dataset.manifest import Manifest, Span, read_manifest
from airflow_provider_convexport.export.parallel import in_parallel
from airflow_provider_convexport.export.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from airflow_provider_convexport.cli.progress import Progress
    from airflow_provider_convexport.export.dataset.store import Store


@dataclass(frozen=True, slots=True)
class PartitionFacts:
    """What a report needs of a manifest; there may be hundreds of thousands of them in memory.

    :param covers: The span of time for which the partition is complete.
    :param records: Number of its records.
    :param bytes: Size of its files.
    :param expired: First part of its run's interval, if the vendor no longer kept it.
    """

    covers: Window
    records: int
    bytes: int
    expired: Window | None

    @classmethod
    def of(cls, manifest: Manifest) -> PartitionFacts:
        """Return what is needed of a manifest."""
        expired = manifest.expired.window if isinstance(manifest.expired, Span) else None
        size = sum(file.bytes for file in manifest.files)
        return cls(manifest.covers, manifest.records, size, expired)


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


def read_coverage(
    store: Store,
    *,
    scope: Mapping[str, str] | None = None,
    span: Window | None = None,
    progress: Progress = NO_PROGRESS,
) -> list[Dataset]:
    """Read manifests below a store's root, at any depth, and group them into datasets.

    Costs one listing, and one small read per partition that was asked for.

    :param store: The destination, or a folder above several of them.
    :param scope: Only this shop or bot; ``None`` for all.
    :param span: Only partitions that may overlap this span of time, and one of each dataset that has none
        there; ``None`` for all.
    :param progress: Shows how many partitions have been read.
    :raises ConfigurationError: if an object with a manifest's name is not a manifest.
    :raises DestinationUnavailableError: if the object store does not answer properly.
    """
    return coverage_of(store, store.find(""), scope=scope, span=span, progress=progress)


def coverage_of(
    store: Store,
    names: Iterable[str],
    *,
    scope: Mapping[str, str] | None = None,
    span: Window | None = None,
    progress: Progress = NO_PROGRESS,
) -> list[Dataset]:
    """Do the same as `read_coverage` for the objects of a listing.

    :param names: Names of all objects below the store's root, in order.
    """
    folders = manifest_folders(names)
    if scope is not None:
        folders = [folder for folder in folders if is_of(folder, scope)]
    if span is not None:
        folders = list(_near(folders, span))
    progress.begin("Reading manifests", total=len(folders))
    found: dict[DatasetKey, list[PartitionFacts]] = defaultdict(list)
    for _, read in in_parallel(lambda folder: _read(store, folder), folders, threads=READERS):
        progress.advance()
        if read is not None and (scope is None or dict(read[0].scope) == dict(scope)):
            found[read[0]].append(read[1])
    return [
        Dataset(key, tuple(sorted(group, key=lambda each: each.covers)))
        for key, group in sorted(found.items(), key=lambda item: item[0])
    ]


def _read(store: Store, folder: str) -> tuple[DatasetKey, PartitionFacts] | None:
    """Read a manifest and keep only what a report needs of it."""
    manifest = read_manifest(store, folder)
    return None if manifest is None else (DatasetKey.of(folder, manifest), PartitionFacts.of(manifest))


def _near(folders: Iterable[str], span: Window) -> Iterator[str]:
    """Yield the folders whose partitions may overlap a span, and one of each dataset without any."""
    unseen: dict[str, str] = {}
    seen: set[str] = set()
    for folder in folders:
        dataset = dataset_of(folder)
        if may_overlap(folder, span):
            seen.add(dataset)
            yield folder
        else:
            unseen.setdefault(dataset, folder)
    yield from (folder for dataset, folder in unseen.items() if dataset not in seen)
