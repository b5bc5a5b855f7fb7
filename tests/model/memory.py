"""A store in memory whose operations are atomic, and before each of which another actor may go on."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.export.dataset.conditional import Versioned
from airflow_provider_convexport.export.dataset.manifest import MANIFEST
from airflow_provider_convexport.export.dataset.store import STAGING, Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import IO

    from tests.model.laws import Laws
    from tests.model.schedule import Scheduler


KINDS = ("manifest", "part", "lease", "plan", "checkpoint", "segments", "writing", "other")
VERBS = ("write", "read", "delete", "list", "list on", "create", "request")
OPERATIONS = {
    # Listing, creating a temporary file and requests concern no object of a kind.
    (verb, kind): (f"{verb} {kind}" if verb in VERBS[:3] else verb, verb_number * len(KINDS) + kind_number)
    for verb_number, verb in enumerate(VERBS)
    for kind_number, kind in enumerate(KINDS)
}
"""Name and number of each operation, by verb and kind of object."""


def kind_of(name: str) -> str:
    """Return what an object is, by its name."""
    last = name.rpartition("/")[2]
    return (
        "manifest" if last == MANIFEST else next((kind for kind in KINDS if last.startswith(kind)), "other")
    )


@dataclass(slots=True)
class Bucket:
    """All objects of a destination.

    :param scheduler: Passed by before every operation.
    :param laws: Told about every change.
    :param is_disk: Whether objects are written to a temporary file first and then renamed, as on a disk.
    :param has_digests: Whether the name of a version is a digest of the content, as on S3 and on a disk, so
        that the same content has the same version again.
    :param is_conditional: Whether the store compares versions when it writes.
    :param shuffles: Whether several objects are deleted in random order.
    """

    scheduler: Scheduler
    laws: Laws
    is_disk: bool = False
    has_digests: bool = False
    is_conditional: bool = True
    shuffles: bool = False
    objects: dict[str, Versioned] = field(default_factory=dict)
    changes: int = 0
    temporaries: int = 0
    _kinds: dict[str, str] = field(default_factory=dict)

    def pass_by(self, verb: str, name: str) -> None:
        """Let another actor go on before an operation."""
        kind = self._kinds.get(name)
        if kind is None:
            kind = self._kinds[name] = kind_of(name)
        self.scheduler.pass_by(*OPERATIONS[verb, kind], name)

    def write(self, name: str, content: bytes) -> None:
        """Put an object in place, at once."""
        self.changes += 1
        version = blake2b(content).hexdigest() if self.has_digests else str(self.changes)
        self.objects[name] = Versioned(content, version)
        self.laws.written(name, content)

    def remove(self, name: str) -> None:
        """Remove an object, at once."""
        if name in self.objects:
            self.laws.deleting(name)
            self.changes += 1
            del self.objects[name]

    def names(self, folder: str) -> list[str]:
        """Return the names below a folder at this moment."""
        prefix = f"{folder}/"
        return sorted([name for name in self.objects if name.startswith(prefix)])


class MemoryFile:
    """What a publisher needs of the path of a temporary file."""

    def __init__(self, bucket: Bucket, name: str | None) -> None:
        self._bucket = bucket
        self.name = name
        self._content: bytes | None = b""

    def open(self, mode: str) -> io.BytesIO:
        assert mode == "wb"
        return _Writing(self)

    def write_bytes(self, content: bytes) -> None:
        if self.name is None:
            self._content = content
        else:
            self._bucket.write(self.name, content)

    def read_bytes(self) -> bytes:
        content = self._content if self.name is None else self.found
        if content is None:
            raise FileNotFoundError(self.name)
        return content

    @property
    def found(self) -> bytes | None:
        blob = self._bucket.objects.get(self.name or "")
        return None if blob is None else blob.content

    def unlink(self, *, missing_ok: bool = False) -> None:
        self._content = None
        if self.name is not None and not self._bucket.scheduler.is_closed:
            self._bucket.remove(self.name)


class _Writing(io.BytesIO):
    def __init__(self, file: MemoryFile) -> None:
        super().__init__()
        self._file = file

    def __exit__(self, *failure: Any) -> None:
        if failure[0] is None:
            self._file.write_bytes(self.getvalue())
        super().__exit__(*failure)


@dataclass(frozen=True, slots=True)
class ModelStore(Store):
    """The store of one actor; all share a bucket.

    :param bucket: The objects.
    """

    bucket: Bucket = None  # type: ignore[assignment]

    @property
    def is_local(self) -> bool:
        return self.bucket.is_disk

    @property
    def is_conditional(self) -> bool:
        return self.bucket.is_conditional

    def put(self, name: str, content: bytes) -> None:
        if not self.bucket.is_disk:
            self.bucket.pass_by("write", name)
            self.bucket.write(name, content)
            return
        with self.temporary_file() as temporary:
            temporary.write_bytes(content)
            self.put_file(name, temporary)

    def put_file(self, name: str, source: MemoryFile) -> None:
        self.bucket.pass_by("write", name)
        content = source.read_bytes()
        source.unlink()
        self.bucket.write(name, content)

    @contextlib.contextmanager
    def temporary_file(self) -> Iterator[MemoryFile]:
        temporary = self._new_file()
        try:
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    @contextlib.contextmanager
    def opened(self, temporary: MemoryFile) -> Iterator[IO[bytes]]:
        with temporary.open("wb") as file:
            yield file

    def _new_file(self) -> MemoryFile:
        bucket = self.bucket
        if not bucket.is_disk:
            bucket.pass_by("create", "temporary file")
            return MemoryFile(bucket, None)
        bucket.temporaries += 1
        name = f"{self.scratch}/writing-{bucket.temporaries:06d}"
        bucket.pass_by("create", name)
        bucket.write(name, b"")
        return MemoryFile(bucket, name)

    def get(self, name: str) -> bytes | None:
        self.bucket.pass_by("read", name)
        blob = self.bucket.objects.get(name)
        return None if blob is None else blob.content

    def get_range(self, name: str, start: int, end: int) -> bytes:
        self.bucket.pass_by("read", name)
        if end <= start:
            return b""
        blob = self.bucket.objects.get(name)
        if blob is None:
            raise FileNotFoundError(name)
        return blob.content[start:end]

    def get_versioned(self, name: str) -> Versioned | None:
        """Read the version and then the content; unless on a disk, another actor may go on in between."""
        bucket = self.bucket
        bucket.pass_by("read", name)
        first = bucket.objects.get(name)
        if first is None or bucket.is_disk:
            return first
        bucket.pass_by("read", name)
        second = bucket.objects.get(name)
        return second and Versioned(second.content, first.version)

    def replace(self, name: str, content: bytes, seen: str | None) -> bool:
        bucket = self.bucket
        temporary = self._new_file() if bucket.is_disk else None
        if temporary is not None:
            temporary.write_bytes(content)
        try:
            return self._replace(name, content, seen, temporary)
        finally:
            if temporary is not None:
                temporary.unlink(missing_ok=True)

    def _replace(self, name: str, content: bytes, seen: str | None, temporary: MemoryFile | None) -> bool:
        bucket = self.bucket
        bucket.pass_by("write" if bucket.is_conditional else "read", name)
        if temporary is not None:
            temporary.read_bytes()  # somebody may have removed it
        there = bucket.objects.get(name)
        if seen != (None if there is None else there.version):
            bucket.scheduler.tell(f"      is refused, because somebody has changed {name}")
            return False
        if not bucket.is_conditional:
            bucket.pass_by("write", name)
        bucket.write(name, content)
        return True

    def probed(self, name: str) -> ModelStore:
        return self

    def find_prefix(self, prefix: str) -> list[str]:
        """List in two halves, between which another actor may go on."""
        bucket, folder = self.bucket, prefix.rstrip("/")
        bucket.pass_by("list", folder)
        first, before = bucket.names(folder), bucket.changes
        bucket.pass_by("list on", folder)
        if bucket.changes == before:
            return first
        if not first:
            return bucket.names(folder)
        middle = first[(len(first) - 1) // 2]
        return [name for name in first if name <= middle] + [
            name for name in bucket.names(folder) if name > middle
        ]

    def delete(self, names: Iterable[str]) -> None:
        listed = list(names)
        if self.bucket.shuffles:
            self.bucket.scheduler.chance.shuffle(listed)
        for name in listed:
            self.bucket.pass_by("delete", name)
            self.bucket.remove(name)

    def prune(self, folder: str) -> None:
        self.bucket.pass_by("list", folder)


def model_store(bucket: Bucket) -> ModelStore:
    """Return a store on a bucket."""
    return ModelStore(fs=None, root="root", url="memory://root", scratch=STAGING, bucket=bucket)
