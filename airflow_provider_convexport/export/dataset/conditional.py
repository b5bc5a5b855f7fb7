"""Conditional writes: an object is replaced only by a writer that has seen the version which it replaces.

Each kind of store has a condition of its own: an ETag on S3
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html) and on Azure, a generation on
Google Cloud Storage. fsspec has a common form only for "must not exist". A local disk has no condition;
there a lock protects the comparison and the rename (`local_disk`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from airflow_provider_convexport.export.dataset.store_errors import chain_of, response_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fsspec import AbstractFileSystem

    from airflow_provider_convexport.export.dataset.store import Store

_LOST = frozenset((404, 409, 412))
"""Statuses of a write whose condition is not met, or that lost against a concurrent one."""


class Versioned(NamedTuple):
    """An object's content and the name of its version, for `Store.replace`."""

    content: bytes
    version: str


class ConditionalWrites(Protocol):
    """The conditional writes of one kind of store; paths are in the notation of its file system."""

    @property
    def unknown_version(self) -> str:
        """The name of a version that no object has; a write that requires it must fail."""

    @property
    def candidates(self) -> Sequence[ConditionalWrites]:
        """What to try out before relying on it; empty for a store that is known to honour conditions."""

    def version(self, path: str) -> str:
        """Return the name of an object's current version.

        :raises FileNotFoundError: if it does not exist.
        """

    def write(self, path: str, content: bytes, seen: str | None) -> None:
        """Write an object if its version is still ``seen``; ``None`` means that it must not exist.

        It raises whatever the file system raises; `is_lost` tells whether the condition was not met.
        """


def conditional_writes(fs: AbstractFileSystem) -> ConditionalWrites | None:
    """Return the conditional writes of a file system; ``None`` if none are known for it."""
    protocols = {fs.protocol} if isinstance(fs.protocol, str) else set(fs.protocol)
    for protocol, kind in (("s3", _S3), ("gs", _Google), ("abfs", _Azure)):
        if protocol in protocols:
            return kind(fs)
    return None


def is_lost(error: Exception) -> bool:
    """Return whether a conditional write failed because its condition was not met."""
    if any(isinstance(each, FileExistsError | FileNotFoundError) for each in chain_of(error)):
        return True
    return response_of(error)[0] in _LOST


@dataclass(frozen=True, slots=True)
class _S3:
    """Conditions of S3, where other stores speak its protocol, too.

    :param quoted: Whether ETags in conditions have their quotation marks. S3 wants them; the RADOS gateway
        compares without them.
    """

    fs: Any
    quoted: bool = True
    unknown_version: str = '"00000000000000000000000000000000"'

    @property
    def candidates(self) -> Sequence[ConditionalWrites]:
        is_amazon = not (self.fs.endpoint_url or self.fs.client_kwargs.get("endpoint_url"))
        return () if is_amazon else (self, replace(self, quoted=False))

    def version(self, path: str) -> str:
        bucket, key, _ = self.fs.split_path(path)
        etag = str(self.fs.call_s3("head_object", Bucket=bucket, Key=key)["ETag"])
        return etag if self.quoted else etag.strip('"')

    def write(self, path: str, content: bytes, seen: str | None) -> None:
        condition = {"mode": "create"} if seen is None else {"IfMatch": seen}
        self.fs.pipe_file(path, content, **condition)


@dataclass(frozen=True, slots=True)
class _Google:
    fs: Any
    unknown_version: str = "1"

    @property
    def candidates(self) -> Sequence[ConditionalWrites]:
        host = urlsplit(self.fs._location).hostname or ""
        return () if host.endswith(".googleapis.com") else (self,)

    def version(self, path: str) -> str:
        self.fs.invalidate_cache()
        return str(self.fs.info(path)["generation"])

    def write(self, path: str, content: bytes, seen: str | None) -> None:
        if seen is None:
            self.fs.pipe_file(path, content, mode="create")
            return
        bucket, key, _ = self.fs.split_path(path)
        self.fs.call(
            "POST",
            f"{self.fs._location}/upload/storage/v1/b/{bucket}/o",
            uploadType="media",
            name=key,
            ifGenerationMatch=seen,
            headers={"Content-Type": "application/octet-stream"},
            data=content,
        )
        self.fs.invalidate_cache()


@dataclass(frozen=True, slots=True)
class _Azure:
    fs: Any
    unknown_version: str = '"0x0"'
    candidates: Sequence[ConditionalWrites] = ()

    def version(self, path: str) -> str:
        return str(self.fs.info(path, refresh=True)["etag"])

    def write(self, path: str, content: bytes, seen: str | None) -> None:
        if seen is None:
            self.fs.pipe_file(path, content, mode="create")
            return
        core = import_module("azure.core")  # an optional library, which the file system has loaded
        self.fs.pipe_file(path, content, etag=seen, match_condition=core.MatchConditions.IfNotModified)


def honours_conditions(store: Store, name: str, unknown_version: str) -> bool:
    """Return whether a store refuses writes whose condition is not met, by writing the object ``name``."""
    content = b"probe\n"
    store.put(name, content)
    there = store.get_versioned(name)
    return (
        there is not None
        and not store.replace(name, content, None)
        and not store.replace(name, content, unknown_version)
        and store.replace(name, content, there.version)
    )


def digest_of(content: bytes) -> str:
    """Return the version of an object where the store has none of its own."""
    return hashlib.sha256(content).hexdigest()
