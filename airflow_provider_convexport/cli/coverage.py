"""Reads what is published under a destination from its manifests."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_convexport.cli.datasets import Dataset, DatasetKey, PartitionFacts
from airflow_provider_convexport.cli.progress import NO_PROGRESS
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.dataset.folders import (
    READERS,
    dataset_of,
    is_of,
    manifest_folders,
    may_overlap,
)
from airflow_provider_convexport.export.dataset.manifest import MANIFEST, parse_manifest
from airflow_provider_convexport.export.parallel import in_parallel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from airflow_provider_convexport.cli.progress import Progress
    from airflow_provider_convexport.export.dataset.manifest import Manifest
    from airflow_provider_convexport.export.dataset.store import Store
    from airflow_provider_convexport.export.window import Window


class Damaged(NamedTuple):
    """An object that should be a manifest and cannot be read as one.

    :param name: Its name, relative to the destination.
    :param problem: One sentence that says what is wrong.
    """

    name: str
    problem: str


class Coverage(NamedTuple):
    """What lies below a destination, according to its manifests.

    :param datasets: The datasets, in order of their keys.
    :param damaged: What cannot be read, in order of names.
    """

    datasets: list[Dataset]
    damaged: list[Damaged]


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
    datasets, damaged = coverage_of(store, store.find(""), scope=scope, span=span, progress=progress)
    if damaged:
        raise ConfigurationError(damaged[0].problem)
    return datasets


def coverage_of(
    store: Store,
    names: Iterable[str],
    *,
    scope: Mapping[str, str] | None = None,
    span: Window | None = None,
    progress: Progress = NO_PROGRESS,
    look: Callable[[str, Manifest], None] | None = None,
) -> Coverage:
    """Do the same as `read_coverage` for the objects of a listing, and go on where one is damaged.

    :param names: Names of all objects below the store's root, in order.
    :param look: Is called with each partition's folder and manifest, by several threads at the same time.
    """
    folders = manifest_folders(names)
    if scope is not None:
        folders = [folder for folder in folders if is_of(folder, scope)]
    if span is not None:
        folders = list(_near(folders, span))
    progress.begin("Reading manifests", total=len(folders))
    found: dict[DatasetKey, list[PartitionFacts]] = defaultdict(list)
    damaged = []
    for _, read in in_parallel(lambda folder: _read(store, folder, look), folders, threads=READERS):
        progress.advance()
        if isinstance(read, Damaged):
            damaged.append(read)
        elif read is not None and (scope is None or dict(read[0].scope) == dict(scope)):
            found[read[0]].append(read[1])
    datasets = [
        Dataset(key, tuple(sorted(group, key=lambda each: each.covers)))
        for key, group in sorted(found.items(), key=lambda item: item[0])
    ]
    return Coverage(datasets, sorted(damaged))


def _read(
    store: Store, folder: str, look: Callable[[str, Manifest], None] | None
) -> tuple[DatasetKey, PartitionFacts] | Damaged | None:
    """Read a manifest and keep only what a report needs of it."""
    name = f"{folder}/{MANIFEST}" if folder else MANIFEST
    content = store.get(name)
    if content is None:
        return None  # it was replaced by something else since the listing
    try:
        manifest = parse_manifest(content, store, folder)
        partition = PartitionFacts.of(folder, manifest)
    except ConfigurationError as error:
        return Damaged(name, str(error))
    except ValueError:
        return Damaged(name, f"{store.url_of(name)} names a time that is none; export its interval again.")
    if look is not None:
        look(folder, manifest)
    return DatasetKey.of(folder, manifest), partition


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
