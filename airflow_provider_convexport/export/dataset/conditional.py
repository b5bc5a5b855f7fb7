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

from fsspec.asyn import sync

from airflow_provider_convexport.export.dataset.store_errors import chain_of, response_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fsspec import AbstractFileSystem

    from airflow_provider_convexport.export.dataset.store import Store

_LOST = frozenset((404, 409, 412))
"""Statuses of a write whose condition is not met, or that lost against a concurrent one."""
_TRIES = 5
"""So often an answer is read if its connection breaks."""


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

    @property
    def lists_prefixes(self) -> bool:
        """Whether a listing by prefix takes fewer requests than one of a folder."""

    def read(self, path: str) -> Versioned:
        """Return an object's content and version, in one request.

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
    unknown_version: str = "00000000000000000000000000000000"
    lists_prefixes: bool = True

    @property
    def candidates(self) -> Sequence[ConditionalWrites]:
        is_amazon = not (self.fs.endpoint_url or self.fs.client_kwargs.get("endpoint_url"))
        return () if is_amazon else (self, replace(self, quoted=False))

    def read(self, path: str) -> Versioned:
        bucket, key, _ = self.fs.split_path(path)
        broken = import_module("s3fs.core").S3_RETRYABLE_ERRORS  # an optional library, which is loaded

        async def get(tries: int = _TRIES) -> Versioned:
            answer = await self.fs._call_s3("get_object", Bucket=bucket, Key=key)
            try:
                return Versioned(await answer["Body"].read(), answer["ETag"].strip('"'))
            except broken:  # s3fs repeats requests, but not the reading of an answer
                if tries == 1:
                    raise
            finally:
                answer["Body"].close()
            return await get(tries - 1)

        content: Versioned = sync(self.fs.loop, get)
        return content

    def write(self, path: str, content: bytes, seen: str | None) -> None:
        etag = f'"{seen}"' if self.quoted else seen
        condition = {"mode": "create"} if seen is None else {"IfMatch": etag}
        self.fs.pipe_file(path, content, **condition)


@dataclass(frozen=True, slots=True)
class _Google:
    fs: Any
    unknown_version: str = "1"
    lists_prefixes: bool = False

    @property
    def candidates(self) -> Sequence[ConditionalWrites]:
        host = urlsplit(self.fs._location).hostname or ""
        return () if host.endswith(".googleapis.com") else (self,)

    def read(self, path: str) -> Versioned:
        headers, content = self.fs.call("GET", self.fs.url(path))
        return Versioned(content, headers.get("X-Goog-Generation") or digest_of(content))

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
    lists_prefixes: bool = False

    def read(self, path: str) -> Versioned:
        container, blob, _ = self.fs.split_path(path)
        errors = import_module("azure.core.exceptions")

        async def get() -> Versioned:
            async with self.fs.service_client.get_blob_client(container=container, blob=blob) as client:
                stream = await client.download_blob()
                return Versioned(await stream.readall(), stream.properties.etag)

        try:
            content: Versioned = sync(self.fs.loop, get)
        except errors.ResourceNotFoundError as error:
            raise FileNotFoundError(path) from error
        return content

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
