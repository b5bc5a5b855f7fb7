"""The destination: objects under one root, on any file system that fsspec supports."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING

from fsspec.implementations.local import LocalFileSystem

from airflow_provider_convexport.errors import DestinationUnavailableError
from airflow_provider_convexport.export.dataset.store_errors import explained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from fsspec import AbstractFileSystem

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

    All methods raise ``ConfigurationError`` if an object store rejects the credentials or has no such bucket,
    and ``DestinationUnavailableError`` if a retry may help.
    """

    fs: AbstractFileSystem
    root: str
    url: str
    scratch: str = STAGING
    connection: str | None = None

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
        temporary = self.temporary_file()
        temporary.write_bytes(content)
        self.put_file(name, temporary)

    def put_file(self, name: str, source: Path) -> None:
        """Write an object from a local file, which is removed."""
        if not self.is_local:
            with self._explained():
                self._upload(name, source)
            source.unlink()
            return
        with source.open("rb") as file:
            os.fsync(file.fileno())  # its content must be durable before it gets its final name
        target = Path(self._path(name))
        _create(target, lambda: source.replace(target))

    def temporary_file(self) -> Path:
        """Return the path of a new empty local file, for `put_file`.

        If the destination is a local disk, the file is on the same file system, so that it can be renamed
        atomically.
        """
        if not self.is_local:
            descriptor, name = tempfile.mkstemp(prefix="convexport-")
            os.close(descriptor)
            return Path(name)
        path = Path(self._path(f"{self.scratch}/writing-{secrets.token_hex(8)}"))
        _create(path, path.touch)
        return path

    def get(self, name: str) -> bytes | None:
        """Return an object's content, or ``None`` if there is no object of that name."""
        try:
            with self._explained():
                return bytes(self.fs.cat_file(self._path(name)))
        except FileNotFoundError:
            return None

    def get_range(self, name: str, start: int, end: int) -> bytes:
        """Return the bytes ``start <= position < end`` of an object.

        :raises FileNotFoundError: if it does not exist.
        """
        if end <= start:
            return b""
        with self._explained():
            return bytes(self.fs.cat_file(self._path(name), start=start, end=end))

    def find(self, folder: str) -> list[str]:
        """Return the sorted names of all objects below a folder, without caching."""
        self.fs.invalidate_cache()
        prefix = f"{self.root.rstrip('/')}/"
        within = f"{self._path(folder).rstrip('/')}/"
        try:
            with self._explained():
                found = self._files_below(folder) if self.is_local else self.fs.find(self._path(folder))
        except FileNotFoundError:
            return []
        # s3fs and adlfs also "find" the folder itself if it was empty and is being filled at the same time.
        return sorted(path.removeprefix(prefix) for path in found if path.startswith(within))

    def _files_below(self, folder: str) -> list[str]:
        """Return the files below a folder of a local disk; fsspec silently omits what it cannot read.

        :raises DestinationUnavailableError: if a folder cannot be listed, so that it does not appear empty.
        """

        def fail(error: OSError) -> None:
            if isinstance(error, FileNotFoundError):
                return  # another attempt has just removed the folder
            raise DestinationUnavailableError(
                url=self.url, problem=f"a folder cannot be listed: {error.strerror}", connection=None
            ) from error

        folders = os.walk(self._path(folder), onerror=fail)
        return [f"{path}/{name}" for path, _, names in folders for name in names]

    def delete(self, names: Iterable[str]) -> None:
        """Delete objects; objects that no longer exist are ignored."""
        paths = [self._path(name) for name in names]
        if not paths:
            return
        with self._explained():
            self._remove(paths)
        if self.is_local:
            for folder in {Path(path).parent for path in paths}:
                self._prune(folder)

    def prune(self, folder: str) -> None:
        """Remove a folder and its subfolders where they are empty; only a local disk has folders."""
        if not self.is_local:
            return
        top = Path(self._path(folder))
        with contextlib.suppress(FileNotFoundError):  # another attempt prunes at the same time
            for path in sorted(top.rglob("*"), reverse=True):
                with contextlib.suppress(OSError):  # a file, or not empty
                    path.rmdir()
        self._prune(top)

    def _explained(self, *, missing: str | None = None) -> AbstractContextManager[None]:
        """Return a context that explains the store's failures; a local disk's own errors are clear enough."""
        if self.is_local:
            return contextlib.nullcontext()
        return explained(self.url, self.connection, missing=missing)

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

    def _prune(self, folder: Path) -> None:
        """Remove empty folders from ``folder`` upwards, below the root."""
        root = Path(self.root)
        while folder != root and root in folder.parents:
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent


def _create(path: Path, create: Callable[[], object]) -> None:
    """Create the parent of ``path``, then call ``create``; another attempt may prune it in between."""
    for _ in range(100):
        with contextlib.suppress(FileNotFoundError):
            path.parent.mkdir(parents=True, exist_ok=True)
            create()
            return
    create()
