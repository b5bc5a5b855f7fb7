"""The raw partitions that tables are made of: which there are, which are missing, what becomes of each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC
from typing import TYPE_CHECKING

from msgspec import UnsetType

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.dataset.folders import day_of, kind_of, name_of, readers_of
from airflow_provider_convexport.export.dataset.identity import read_dataset
from airflow_provider_convexport.export.dataset.manifest import MANIFEST, RawVersion, read_manifest
from airflow_provider_convexport.export.dataset.partition import scope_folders
from airflow_provider_convexport.export.dataset.reader import PublishedPartition, partitions_in, plain_url
from airflow_provider_convexport.export.parallel import in_parallel
from airflow_provider_convexport.export.window import Window
from airflow_provider_convexport.tables.mapping import tables_of
from airflow_provider_convexport.tables.target import TablePartition

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from airflow_provider_convexport.export.dataset.manifest import Manifest
    from airflow_provider_convexport.export.dataset.store import Store


def raw_version_of(partition: PublishedPartition) -> RawVersion:
    """Return the version that a raw partition's manifest describes."""
    manifest = partition.manifest
    requested_at = "" if isinstance(manifest.requested_at, UnsetType) else manifest.requested_at
    return RawVersion(manifest.commit, requested_at, manifest.committed_at, f"{partition.url}/{MANIFEST}")


def table_partitions_of(partition: PublishedPartition) -> list[TablePartition]:
    """Return the partitions of tables that a raw partition becomes.

    :raises ConfigurationError: if it is not the partition of an export, or nothing maps its stream to tables.
    """
    manifest = partition.manifest
    path = _path_of(partition)
    name = name_of(path)
    if name is None or not isinstance(manifest.table, UnsetType):
        raise ConfigurationError(
            f"{partition.url} is not a partition of exported records; write the destinations of exports as "
            "sources."
        )
    account = "" if isinstance(manifest.account, UnsetType) else manifest.account
    return [
        TablePartition(
            table=table,
            vendor=manifest.vendor,
            stream=manifest.stream,
            account=account,
            filters=tuple(sorted(manifest.filters.items())),
            scope=tuple(manifest.scope.items()),
            window_on=manifest.window_on,
            partition=manifest.partition,
            partition_by=kind_of(path),
            date=day_of(path) or manifest.partition.window.start.astimezone(UTC).date(),
            folder="/".join([*scope_folders(manifest.scope), name]),
        )
        for table in tables_of(manifest.vendor, manifest.stream)
    ]


def timezone_of(partition: PublishedPartition) -> str:
    """Return the IANA name of the zone that defines the days of a raw partition's dataset.

    It costs one read; ``"UTC"`` if the dataset does not say.
    """
    name = name_of(_path_of(partition))
    depth = len(partition.manifest.scope) + (0 if name is None else name.count("/") + 1)
    up = len(partition.folder.split("/")) - depth if partition.folder else -depth
    store = partition.store
    folders = partition.folder.split("/")[: max(up, 0)]
    root, url = "/".join([store.root, *folders]), "/".join([store.url.rstrip("/"), *folders])
    for _ in range(-up):
        root, url = root.rpartition("/")[0], url.rpartition("/")[0]
    dataset = read_dataset(replace(store, root=root, url=url))
    return "UTC" if dataset is None else dataset.partition_timezone


@dataclass(frozen=True, slots=True)
class RawPartitions:
    """The raw partitions that a run makes tables of.

    :param found: They, by start of partition.
    :param missing: For each source and each shop or bot what is not published of the interval, in words.
    """

    found: list[PublishedPartition]
    missing: list[str]

    @property
    def vendor(self) -> str:
        """The vendor of all of them.

        :raises ConfigurationError: if there are several.
        """
        vendors = sorted({each.manifest.vendor for each in self.found})
        if len(vendors) > 1:
            raise ConfigurationError(
                f"The sources hold exports of several vendors: {', '.join(vendors)}; write one task for each "
                "vendor. All of them may have the same destination."
            )
        return vendors[0] if vendors else ""


def partitions_of_interval(sources: Sequence[Store], interval: Window) -> RawPartitions:
    """Return the raw partitions that overlap an interval.

    A partition of which the vendor kept nothing when it was exported is not missing.

    :param sources: Raw datasets. Each must hold the whole interval, for each of its shops or bots that has a
        partition there. One may lie in another, as the folder of a bot does; no partition is found twice.
    :raises ConfigurationError: if a source cannot be read.
    :raises DestinationUnavailableError: if a retry may help.
    """
    found: dict[str, PublishedPartition] = {}
    missing: list[str] = []
    for store in sources:
        there = list(partitions_in(store, interval.start, interval.end))
        for partition in there:
            found.setdefault(partition.url, partition)
        missing += _missing(store, there, interval)
    return RawPartitions(list(found.values()), missing)


def partitions_of_manifests(sources: Sequence[Store], urls: Iterable[str]) -> RawPartitions:
    """Return the raw partitions that manifests describe, as the facts of exports name them.

    :param sources: Raw datasets; URLs of manifests that lie below none of them are left out.
    :param urls: URLs of manifests, with or without the id of a connection.
    :raises ConfigurationError: if one of them is not a manifest.
    :raises DestinationUnavailableError: if a retry may help.
    """
    folders = {place: None for url in urls if (place := _place_of(sources, url)) is not None}

    def read(place: tuple[int, str]) -> PublishedPartition | None:
        store, folder = sources[place[0]], place[1]
        manifest = read_manifest(store, folder)
        return None if manifest is None else PublishedPartition(store, folder, manifest)

    threads = max(map(readers_of, sources), default=1)
    found, missing = [], []
    for (number, folder), partition in in_parallel(read, folders, threads=threads):
        if partition is None:
            missing.append(f"{plain_url(sources[number].url_of(folder))} is no longer published")
        else:
            found.append(partition)
    return RawPartitions(sorted(found, key=lambda each: (each.manifest.partition.start, each.url)), missing)


def _place_of(sources: Sequence[Store], url: str) -> tuple[int, str] | None:
    plain = plain_url(url)
    for number, store in enumerate(sources):
        root = f"{plain_url(store.url).rstrip('/')}/"
        if plain.startswith(root) and plain.endswith(f"/{MANIFEST}"):
            return number, plain.removeprefix(root).rpartition("/")[0]
    return None


def _missing(store: Store, there: Sequence[PublishedPartition], interval: Window) -> Iterator[str]:
    """Yield for each shop or bot what of an interval none of its partitions covers."""
    where = plain_url(store.url)
    if not there:
        yield f"{where} has no partition of {interval}"
    by_scope: dict[tuple[tuple[str, str], ...], list[Manifest]] = {}
    for partition in there:
        by_scope.setdefault(tuple(partition.manifest.scope.items()), []).append(partition.manifest)
    for scope, manifests in by_scope.items():
        of = "".join(f" ({name}={value})" for name, value in scope)
        for gap in _gaps(manifests, interval):
            yield f"{where} lacks {gap}{of}"


def _gaps(manifests: Iterable[Manifest], interval: Window) -> Iterator[Window]:
    spans = [each.partition.window for each in manifests]
    spans += [each.expired.window for each in manifests if not isinstance(each.expired, UnsetType)]
    upto = interval.start
    for span in sorted(spans):
        if span.start > upto:
            yield Window(upto, min(span.start, interval.end))
        upto = max(upto, span.end)
        if upto >= interval.end:
            return
    if upto < interval.end:
        yield Window(upto, interval.end)


def _path_of(partition: PublishedPartition) -> str:
    return f"{partition.store.root}/{partition.folder}".rstrip("/")
