"""What is published under a destination, by its manifests."""

from __future__ import annotations

import re
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_convexport.cli.spans import gaps, overlaps, union
from airflow_provider_convexport.export.dataset.manifest import MANIFEST, Manifest, Span, read_manifest
from airflow_provider_convexport.export.dataset.store import STAGING
from airflow_provider_convexport.export.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_convexport.export.dataset.store import Store

_PARTITION = re.compile(r"/?(dt=[^/]+(/hour=[^/]+)?|interval_start=[^/]+)$")
_READERS = 16
"""Manifests read at a time; each is a small object."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """The published partitions of one vendor, stream and scope below one folder.

    :param folder: The folder, relative to the destination; with the scope's folders, without partitions.
    :param manifests: At least one, in order of their partitions.
    """

    folder: str
    manifests: tuple[Manifest, ...]

    @property
    def of(self) -> Manifest:
        """Any of the manifests, for what all have in common: vendor, stream, scope, filters, window_on."""
        return self.manifests[0]

    @property
    def windows(self) -> list[Window]:
        """What each partition is complete for."""
        return [manifest.covers for manifest in self.manifests]

    @property
    def span(self) -> Window:
        """From the first partition's start to the last one's end."""
        return Window(min(each.start for each in self.windows), max(each.end for each in self.windows))

    @property
    def gaps(self) -> list[Window]:
        """What is missing within the span."""
        return gaps(self.span, self.windows)

    @property
    def overlaps(self) -> list[Window]:
        """What lies in more than one partition, and so in two files."""
        return overlaps(self.windows)

    @property
    def empty(self) -> list[Window]:
        """What was exported and has no records."""
        return union(each.covers for each in self.manifests if not each.records)

    @property
    def expired(self) -> list[Window]:
        """What the vendor no longer kept when it was to be exported, and is not published either."""
        lost = union(each.expired.window for each in self.manifests if isinstance(each.expired, Span))
        return [gap for span in lost for gap in gaps(span, self.windows)]

    @property
    def records(self) -> int:
        """Records in all partitions."""
        return sum(manifest.records for manifest in self.manifests)

    @property
    def bytes(self) -> int:
        """Size of all published files."""
        return sum(file.bytes for manifest in self.manifests for file in manifest.files)


def read_coverage(store: Store) -> list[Dataset]:
    """Read every manifest below a store's root, however deep, and sort them into datasets.

    One listing, and one small read per partition.

    :raises ConfigurationError: if something else lies under a manifest's name.
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
