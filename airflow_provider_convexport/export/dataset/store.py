"""The destination: objects under one root, on any file system that fsspec supports."""

from __future__ import annotations

import contextlib
import logging
import secrets
from dataclasses import dataclass, replace
from glob import has_magic
from pathlib import Path
from typing import IO, TYPE_CHECKING

from fsspec.implementations.local import LocalFileSystem

from airflow_provider_convexport.errors import DestinationUnavailableError
from airflow_provider_convexport.export.dataset import local_disk
from airflow_provider_convexport.export.dataset.conditional import (
    ConditionalWrites,
    Versioned,
    conditional_writes,
    digest_of,
    honours_conditions,
    is_lost,
)
from airflow_provider_convexport.export.dataset.store_errors import explained
from airflow_provider_convexport.export.dataset.temporary import nameless_file, temporary_folder_explained

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager

    from fsspec import AbstractFileSystem

log = logging.getLogger(__name__)

_NO_BUCKET = "there is no such bucket or container; create it, or correct its name"

STAGING = "_staging"
"""Folder below the root for unpublished work in progress."""


@dataclass(frozen=True, slots=True)
class Store:
    """Objects whose names are relative to a root; each is written atomically.

    Object stores write atomically if an object is uploaded by a single call. A local disk renames atomically
    within one file system, so files are written below ``_staging`` first. Nothing here writes through
    ``open("wb")``, which publishes a partial object if its body raises an error
    (https://github.com/fsspec/s3fs/issues/154).

    :param fs: The file system, with its credentials.
    :param root: Folder of the dataset in the notation of that file system, without a protocol.
    :param url: The same as a URL, for messages and manifests.
    :param scratch: Folder below the root for incomplete files on a local disk. Each attempt has its own, so
        that the files of a killed attempt are found and removed.
    :param connection: Airflow connection of the store, for messages.
    :param conditions: How to read an object with its version, and to compare and write in one step; ``None``
        if that is not known of the file system.
    :param honours_conditions: Whether the store compares and writes in one step.

    All methods raise ``ConfigurationError`` if an object store rejects the credentials or has no such bucket,
    and ``DestinationUnavailableError`` if a retry may help.
    """

    fs: AbstractFileSystem
    root: str
    url: str
    scratch: str = STAGING
    connection: str | None = None
    conditions: ConditionalWrites | None = None
    honours_conditions: bool = True

    @classmethod
    def of(cls, fs: AbstractFileSystem, root: str, url: str, *, connection: str | None = None) -> Store:
        """Return the store of a file system, with its conditional writes if it has any."""
        return cls(fs, root, url, connection=connection, conditions=conditional_writes(fs))

    @property
    def is_local(self) -> bool:
        """Return whether objects are files of this machine."""
        return isinstance(self.fs, LocalFileSystem)

    def url_of(self, name: str) -> str:
        """Return an object's full URL."""
        return f"{self.url.rstrip('/')}/{name}"

    def put(self, name: str, content: bytes) -> None:
        """Write an object; an existing object of that name is replaced."""
        if not self.is_local:
            with self._explained(missing=_NO_BUCKET):
                self.fs.pipe_file(self._path(name), content)
            return
        with self.temporary_file() as temporary:
            with self._explained():
                temporary.write_bytes(content)
            self.put_file(name, temporary)

    def put_file(self, name: str, source: Path) -> None:
        """Write an object from a temporary file; if the destination is a local disk, the file is moved."""
        if not self.is_local:
            with self._explained():
                self._upload(name, source)
            return
        with self._explained():
            local_disk.make_durable(source)
            self._move(name, source)

    @contextlib.contextmanager
    def temporary_file(self) -> Iterator[Path]:
        """Yield the path of a new empty local file, for `put_file`; it is removed at the end.

        If the destination is a local disk, the file is on the same file system, so that it can be renamed
        atomically, and the umask determines who can read it.
        """
        if not self.is_local:
            with nameless_file() as path:
                yield path
            return
        path = Path(self._path(f"{self.scratch}/writing-{secrets.token_hex(8)}"))
        with self._explained():
            local_disk.create(path, path.touch, url=self.url)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def opened(self, temporary: Path) -> Iterator[IO[bytes]]:
        """Open a `temporary_file` for writing; staged objects may be read in the block.

        :raises WorkerDiskError: if the worker's temporary folder is full.
        """
        disk = self._explained() if self.is_local else temporary_folder_explained(opened=True)
        with disk, temporary.open("wb") as file:
            yield file

    def get(self, name: str) -> bytes | None:
        """Return an object's content, or ``None`` if there is no object of that name."""
        there = self.get_versioned(name)
        return None if there is None else there.content

    def get_range(self, name: str, start: int, end: int) -> bytes:
        """Return the bytes ``start <= position < end`` of an object.

        :raises FileNotFoundError: if it does not exist.
        """
        if end <= start:
            return b""
        with self._explained():
            return bytes(self.fs.cat_file(self._path(name), start=start, end=end))

    @property
    def is_conditional(self) -> bool:
        """Return whether `replace` compares and writes in one step."""
        return self.is_local or (self.conditions is not None and self.honours_conditions)

    def get_versioned(self, name: str) -> Versioned | None:
        """Return an object's content and its version, or ``None`` if there is no object of that name."""
        try:
            with self._explained():
                if self.conditions is not None:
                    return self.conditions.read(self._path(name))
                content = bytes(self.fs.cat_file(self._path(name)))
        except FileNotFoundError:
            return None
        return Versioned(content, digest_of(content))

    def replace(self, name: str, content: bytes, seen: str | None) -> bool:
        """Write an object if its version is still the one that the caller has seen.

        A store that cannot compare and write in one step compares first and then writes.

        :param name: Name of the object.
        :param content: Its content.
        :param seen: The version from `get_versioned`; ``None`` if the object must not exist.
        :returns: Whether it was written. ``False`` may also follow a write that the store's client repeated
            because it got no answer; read the object again.
        """
        if self.is_local:
            return self._replace_on_disk(name, content, seen)
        if self.conditions is None or not self.honours_conditions:
            if unchanged := self._is_still(name, seen):
                self.put(name, content)
            return unchanged
        try:
            with self._explained(missing=_NO_BUCKET if seen is None else None):
                self.conditions.write(self._path(name), content, seen)
        except (DestinationUnavailableError, FileNotFoundError) as error:
            if is_lost(error):
                return False
            raise
        return True

    def probed(self, name: str) -> Store:
        """Return this store after finding out whether it honours conditions of writes.

        Some stores that speak S3's protocol ignore them, or have a notation of their own. If it ignores them,
        a log line says so, and `replace` compares first and then writes.

        :param name: Name of an object that the caller owns; it may exist afterwards.
        """
        if self.is_local:
            with self._explained(), local_disk.locked(self.root, url=self.url) as has_locks:
                if has_locks:
                    return self
        elif self.conditions is not None:
            if not self.conditions.candidates:
                return self
            for candidate in self.conditions.candidates:
                probed = replace(self, conditions=candidate)
                if honours_conditions(probed, name, candidate.unknown_version):
                    return probed
        log.warning(
            "%s has no conditional writes, so two tasks must not write the same partitions at the same time.",
            self.url,
        )
        return replace(self, honours_conditions=False)

    def find(self, folder: str) -> list[str]:
        """Return the sorted names of all objects below a folder, without caching."""
        return self.find_prefix(f"{folder.rstrip('/')}/" if folder else "")

    @property
    def lists_prefixes(self) -> bool:
        """Return whether `find_prefix` finds objects by any prefix of their names."""
        return self.conditions is not None and self.conditions.lists_prefixes

    def find_prefix(self, prefix: str) -> list[str]:
        """Return the sorted names of all objects whose names begin with a prefix, without caching.

        :param prefix: It ends with a slash unless the store `lists_prefixes`.
        """
        try:
            with self._explained():
                found = self._listed(prefix)
        except FileNotFoundError:
            return []
        # s3fs and adlfs also "find" the folder itself if it was empty and is being filled at the same time.
        names = (each.removeprefix(self._path("")) for each in found)
        return sorted(name for name in names if name.startswith(prefix))

    def delete(self, names: Iterable[str]) -> None:
        """Delete objects; objects that no longer exist are ignored."""
        paths = [self._path(name) for name in names]
        if not paths:
            return
        with self._explained():
            self._remove(paths)
        if self.is_local:
            for folder in {Path(path).parent for path in paths}:
                local_disk.prune(folder, Path(self.root))

    def prune(self, folder: str) -> None:
        """Remove a folder and its subfolders where they are empty; only a local disk has folders."""
        if self.is_local:
            local_disk.prune_tree(Path(self._path(folder)), Path(self.root))

    def _replace_on_disk(self, name: str, content: bytes, seen: str | None) -> bool:
        with self.temporary_file() as temporary:
            with self._explained():
                temporary.write_bytes(content)
                local_disk.make_durable(temporary)  # slow, so it is done before the folder is locked
            with self._explained(), local_disk.locked(self.root, url=self.url):
                if not self._is_still(name, seen):
                    return False
                self._move(name, temporary)
        return True

    def _move(self, name: str, source: Path) -> None:
        target = Path(self._path(name))
        local_disk.create(target, lambda: source.replace(target), url=self.url)

    def _is_still(self, name: str, seen: str | None) -> bool:
        there = self.get_versioned(name)
        return seen == (None if there is None else there.version)

    def _explained(self, *, missing: str | None = None) -> AbstractContextManager[None]:
        if self.is_local:
            return local_disk.explained(self.url)
        return explained(self.url, self.connection, missing=missing)

    def _listed(self, prefix: str) -> list[str]:
        if self.is_local:
            return local_disk.files_below(self._path(prefix.rstrip("/")), self.url)
        self.fs.invalidate_cache()
        try:
            if self.lists_prefixes:
                listed: list[str] = self.fs.find(self.root, prefix=prefix)
            else:
                listed = self.fs.find(self._path(prefix.rstrip("/")))
        finally:
            self.fs.invalidate_cache()  # it would answer for objects that others write from now on
        return listed

    def _upload(self, name: str, source: Path) -> None:
        try:
            self.fs.put_file(str(source), self._path(name))
        except FileNotFoundError as error:  # a lifecycle rule or somebody else aborted the upload
            problem = "the upload was aborted"
            raise DestinationUnavailableError(
                url=self.url, problem=problem, connection=self.connection
            ) from error

    def _remove(self, paths: list[str]) -> None:
        try:
            # Not if the name contains wildcards: fsspec would expand them and delete other objects as well.
            if self.is_local or not any(has_magic(path) for path in paths):
                self.fs.rm(paths)
                return
        except FileNotFoundError:
            pass
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                self.fs.rm_file(path)

    def _path(self, name: str) -> str:
        return f"{self.root.rstrip('/')}/{name}"
