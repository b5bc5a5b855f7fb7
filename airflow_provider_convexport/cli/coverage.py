"""Reads what is published under a destination from its manifests."""

from __future__ import annotations

import re
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_convexport.cli.window_sets import gaps, overlaps, union
from airflow_provider_convexport.export.dataset.manifest import MANIFEST, Manifest, Span, read_manifest
from airflow_provider_convexport.export.dataset.store import STAGING
from airflow_provider_convexport.export.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_convexport.export.dataset.store import Store

_PARTITION = re.compile(r"/?(dt=[^/]+(/hour=[^/]+)?|interval_start=[^/]+)$")
_READERS = 16
"""Manifests that are read concurrently; each is a small object."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """The published partitions below one folder with the same vendor, stream, scope, filters, ``window_on``.

    :param folder: The folder, relative to the destination; includes the scope's folders, but no partition's.
    :param manifests: The manifests of the partitions, at least one, in order of time.
    """

    folder: str
    manifests: tuple[Manifest, ...]

    @property
    def first_manifest(self) -> Manifest:
        """The first manifest; vendor, stream, scope, filters and window_on are the same in all of them."""
        return self.manifests[0]

    @property
    def windows(self) -> list[Window]:
        """For each partition the span of time for which it is complete."""
        return [manifest.covers for manifest in self.manifests]

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
        return union(each.covers for each in self.manifests if not each.records)

    @property
    def expired(self) -> list[Window]:
        """The spans that the vendor no longer kept when they were exported, and that no partition covers."""
        lost = union(each.expired.window for each in self.manifests if isinstance(each.expired, Span))
        return [gap for span in lost for gap in gaps(span, self.windows)]

    @property
    def records(self) -> int:
        """Number of records in all partitions."""
        return sum(manifest.records for manifest in self.manifests)

    @property
    def bytes(self) -> int:
        """Size of all published files, in bytes."""
        return sum(file.bytes for manifest in self.manifests for file in manifest.files)


def read_coverage(store: Store) -> list[Dataset]:
    """Read every manifest below a store's root, at any depth, and group them into datasets.

    Costs one listing, and one small read per partition.

    :raises ConfigurationError: if an object with a manifest's name is not a manifest.
    :raises DestinationUnavailableError: if the object store does not answer properly.
    """
    folders = list(_folders(store))
    with ThreadPoolExecutor(_READERS, thread_name_prefix="convexport") as pool:
        manifests = list(pool.map(lambda folder: read_manifest(store, folder), folders))
    found: dict[tuple[object, ...], list[Manifest]] = defaultdict(list)
    for folder, manifest in zip(folders, manifests, strict=True):
        if manifest is not None:
            found[_dataset_of(folder, manifest)].append(manifest)
    return [
        Dataset(str(key[0]), tuple(sorted(group, key=lambda each: each.covers)))
        for key, group in sorted(found.items(), key=lambda item: item[0])
    ]


def _folders(store: Store) -> Iterator[str]:
    for name in store.find(""):
        folder, _, last = name.rpartition("/")
        if last == MANIFEST and STAGING not in folder.split("/"):
            yield folder


def _dataset_of(folder: str, manifest: Manifest) -> tuple[object, ...]:
    return (
        _PARTITION.sub("", folder),
        manifest.vendor,
        manifest.stream,
        manifest.window_on,
        tuple(sorted(manifest.scope.items())),
        tuple(sorted(manifest.filters.items())),
    )
