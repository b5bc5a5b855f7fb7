"""Reads published partitions: their manifests, the URLs of their files, and their records.

A version of a partition that is replaced while somebody reads it loses its files right after the new manifest
was written. So a file that is gone means: read the manifest again.
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_convexport.errors import ConfigurationError, PartitionReplacedError
from airflow_provider_convexport.export.dataset import local_disk
from airflow_provider_convexport.export.dataset.compression import decoder_of
from airflow_provider_convexport.export.dataset.folders import (
    is_of,
    manifest_folders,
    may_overlap,
    readers_of,
)
from airflow_provider_convexport.export.dataset.manifest import Manifest, read_manifest
from airflow_provider_convexport.export.dataset.store import Store
from airflow_provider_convexport.export.dataset.temporary import nameless_file, temporary_folder_explained
from airflow_provider_convexport.export.parallel import in_parallel
from airflow_provider_convexport.export.window import Window, parse_moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from io import BufferedReader

    from airflow_provider_convexport.export.dataset.manifest import FileEntry

PARQUET = ".parquet"
"""How the names of files of tables end; all others hold records as lines of JSON."""

_ALWAYS = Window(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
_DOWNLOAD = 8 * 2**20
"""Bytes of a file that one request fetches."""
_PIECE = 64 * 2**10
"""Compressed bytes that are decompressed at a time; what they become is in memory as a whole."""


@dataclass(frozen=True, slots=True)
class PublishedPartition:
    """A partition as its manifest described it when it was read.

    :param store: The destination, or a folder above several of them.
    :param folder: The partition's folder, relative to the store's root, without a final slash.
    :param manifest: What its manifest says.
    """

    store: Store
    folder: str
    manifest: Manifest

    @property
    def url(self) -> str:
        """URL of the folder, without the id of a connection and without a final slash."""
        return plain_url(self.store.url_of(self.folder)).rstrip("/")

    @property
    def urls(self) -> list[str]:
        """URLs of the files in the order of the manifest, without the id of a connection."""
        return [f"{self.url}/{file.name}" for file in self.manifest.files]

    def lines(self, *, follow: bool = True) -> Iterator[bytes]:
        """Yield the records as the vendor sent them, without line breaks; memory does not grow with them.

        Each file is compared with its size and checksum in the manifest before its first record is yielded.
        Files of an object store are downloaded one after the other to a temporary file that ends with the
        process.

        :param follow: Whether a new version is read if this one was replaced before its first record was
            yielded. If not, that is an error, too, so that the records are those of this manifest.
        :raises PartitionReplacedError: if a new version was published in the meantime; see `again`.
        :raises ConfigurationError: if a file is missing or was changed, the partition was deleted, it holds
            no records but a table's rows, or the library that decompresses it is not installed.
        :raises DestinationUnavailableError: if the store does not answer properly.
        :raises WorkerDiskError: if the worker's temporary folder is full.
        """
        version, has_begun = self, False
        while True:
            try:
                for line in version._records():
                    has_begun = True
                    yield line
                return
            except FileNotFoundError:
                successor = version._successor()
                if has_begun or not follow:
                    raise PartitionReplacedError(url=self.url) from None
                version = successor

    def again(self) -> PublishedPartition:
        """Return the partition with its present manifest.

        :raises ConfigurationError: if it was deleted.
        """
        manifest = read_manifest(self.store, self.folder)
        if manifest is None:
            raise ConfigurationError(
                f"The partition {self.url} is no longer there: somebody has deleted it. To publish it again, "
                "clear the task that wrote it."
            )
        return replace(self, manifest=manifest)

    def _successor(self) -> PublishedPartition:
        """Return the version that replaced this one, of which a file is gone."""
        present = self.again()
        if present.manifest.commit == self.manifest.commit:
            raise ConfigurationError(
                f"A file that the manifest of {self.url} names is missing: somebody has deleted it. To "
                "publish the partition again, delete its _manifest.json and clear the task that wrote it."
            )
        return present

    def _records(self) -> Iterator[bytes]:
        for file in self.manifest.files:
            if file.name.endswith(PARQUET):
                raise ConfigurationError(
                    f"{self.url} holds a table's rows in Parquet files, not records as lines; read the files "
                    "with pyarrow, DuckDB or another engine."
                )
            with self._opened(file) as content:
                yield from _lines_of(content, file)

    @contextlib.contextmanager
    def _opened(self, file: FileEntry) -> Iterator[BufferedReader]:
        """Open a file that is what the manifest says."""
        name = f"{self.folder}/{file.name}".lstrip("/")
        with _local_copy(self.store, name, file.bytes) as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
            if (content.tell(), digest) != (file.bytes, file.sha256):
                raise ConfigurationError(
                    f"{self.url}/{file.name} is not what its manifest describes: its size or checksum "
                    "differs, so somebody has changed it. To publish the partition again, delete its "
                    "_manifest.json and clear the task that wrote it."
                )
            content.seek(0)
            yield content


def partitions_in(
    store: Store,
    start: datetime | str | None = None,
    end: datetime | str | None = None,
    scope: Mapping[str, str] | None = None,
    *,
    begin: Callable[[int], None] | None = None,
    advance: Callable[[], None] | None = None,
) -> Iterator[PublishedPartition]:
    """Yield published partitions at any depth below a store's root, by start of partition, end and folder.

    Costs one listing, and one small read per partition that was asked for; all of that happens before the
    first partition is yielded. Their manifests are in memory, some kilobytes each.

    :param store: The destination, or a folder above several of them.
    :param start: Start of the range, inclusive, a datetime or ISO-8601 text, in UTC unless it has a time
        zone; ``None`` for no bound.
    :param end: End of the range, exclusive. A partition belongs to the range if it overlaps it.
    :param scope: Only this shop or bot; ``None`` for all.
    :param begin: Called with the number of manifests before they are read.
    :param advance: Called after each manifest that was read.
    :raises ConfigurationError: if a bound is no moment, the range is empty, or an object with a manifest's
        name is not a manifest.
    :raises DestinationUnavailableError: if the object store does not answer properly.
    """
    span = _span(start, end)
    folders = [
        folder
        for folder in manifest_folders(store.find(""))
        if may_overlap(folder, span) and (scope is None or is_of(folder, scope))
    ]
    if begin is not None:
        begin(len(folders))
    found = [each for each in _read(store, folders, advance) if _belongs(each.manifest, span, scope)]
    return iter(sorted(found, key=lambda each: (each.manifest.partition.window, each.folder)))


def read_partitions(
    root: str | Store,
    start: datetime | str | None = None,
    end: datetime | str | None = None,
    scope: Mapping[str, str] | None = None,
    *,
    conn_id: str | None = None,
) -> Iterator[PublishedPartition]:
    """Yield the published partitions under a destination; see `partitions_in`.

    :param root: What an operator's ``destination`` takes, or a folder above several destinations. A URL needs
        Airflow, which knows its connection; a `Store` does not.
    :param start: Start of the range, inclusive.
    :param end: End of the range, exclusive.
    :param scope: Only this shop or bot, such as ``{"bot_name": "support"}``; ``None`` for all.
    :param conn_id: Airflow connection of the storage, unless the URL names it.
    :raises ConfigurationError: as `partitions_in`, or if the destination cannot be used.
    """
    if not isinstance(root, Store):
        # Here, because the engine does not load Airflow.
        from airflow_provider_convexport.destination import store_at  # noqa: PLC0415

        root = store_at(root, conn_id=conn_id)
    return partitions_in(root, start, end, scope)


def _span(start: datetime | str | None, end: datetime | str | None) -> Window:
    first = _ALWAYS.start if start is None else parse_moment(start, of="start", naive_as_utc=True)
    last = _ALWAYS.end if end is None else parse_moment(end, of="end", naive_as_utc=True)
    if first >= last:
        raise ConfigurationError(f"The range is empty: its start {start} is not before its end {end}.")
    return Window(first, last)


def _read(
    store: Store, folders: Iterable[str], advance: Callable[[], None] | None
) -> Iterator[PublishedPartition]:
    found = in_parallel(lambda each: read_manifest(store, each), folders, threads=readers_of(store))
    for folder, manifest in found:
        if advance is not None:
            advance()
        if manifest is not None:
            yield PublishedPartition(store, folder, manifest)


def _belongs(manifest: Manifest, span: Window, scope: Mapping[str, str] | None) -> bool:
    window = manifest.partition.window
    is_near = window.start < span.end and span.start < window.end
    return is_near and (scope is None or manifest.scope == dict(scope))


def plain_url(url: str) -> str:
    """Return a URL without the id of a connection."""
    scheme, separator, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}{separator}{place.rpartition('@')[2]}{slash}{path}"


@contextlib.contextmanager
def _local_copy(store: Store, name: str, size: int) -> Iterator[BufferedReader]:
    """Open an object as a file of this machine.

    :raises FileNotFoundError: if it does not exist.
    """
    if store.is_local:
        with local_disk.explained(store.url):
            content = Path(store.root, name).open("rb")  # noqa: SIM115 - closed by the next block
        with content:
            yield content
        return
    with nameless_file() as path:
        with temporary_folder_explained(opened=True), path.open("wb") as file:
            for start in range(0, size, _DOWNLOAD):
                file.write(store.get_range(name, start, min(start + _DOWNLOAD, size)))
        with path.open("rb") as content:
            yield content


def _lines_of(content: BufferedReader, file: FileEntry) -> Iterator[bytes]:
    decoder = decoder_of(file.name)
    begun: list[bytes] = []
    while piece := content.read(_PIECE):
        first, *others = decoder.decompress(piece).split(b"\n")
        begun.append(first)
        if others:
            yield b"".join(begun)
            yield from others[:-1]
            begun = [others[-1]]
