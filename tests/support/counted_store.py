"""An object store in memory that counts its operations, each of which may take some time."""

from __future__ import annotations

import bisect
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from fsspec import AbstractFileSystem

from airflow_provider_convexport.export.dataset.conditional import Versioned
from airflow_provider_convexport.export.dataset.store import Store
from tests.support.operation_counter import OperationCounter

PER_CALL = 1_000
"""Names that one operation lists or deletes, as on S3."""


class CountedObjects(OperationCounter, AbstractFileSystem):
    """Objects in memory; an operation is what takes one request of the vendors' own clients.

    :param seconds: How long each operation takes.
    """

    protocol = "counted"
    cachable = False

    def __init__(self, *, seconds: float = 0.0) -> None:
        super().__init__()
        self.objects: dict[str, tuple[bytes, str]] = {}
        """Content and version by path."""
        self._names: list[str] = []
        self._lock = threading.Lock()
        self._versions = 0
        self.count_operations(seconds=seconds)

    def forget(self) -> None:
        """Count from zero again."""
        super().forget()
        self.bytes_put = Counter[str]()
        """Bytes written by kind of object; see `kind_of`."""

    @property
    def total(self) -> int:
        """Number of operations of all kinds."""
        return self.operations.total()

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **kwargs: Any) -> None:
        self.write(path, value, lambda version: mode != "create" or version is None)

    def write(self, path: str, content: bytes, is_allowed: Any) -> None:
        """Write an object if its present version is allowed; compared and written in one operation."""
        with self.counted("put"), self._lock:
            if not is_allowed(self.objects.get(path, (b"", None))[1]):
                raise FileExistsError(path)
            if path not in self.objects:
                bisect.insort(self._names, path)
            self._versions += 1
            self.objects[path] = bytes(content), f"v{self._versions}"
            self.bytes_put[kind_of(path)] += len(content)

    def put_file(self, lpath: str, rpath: str, **kwargs: Any) -> None:
        self.pipe_file(rpath, Path(lpath).read_bytes())

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **kwargs: Any) -> bytes:
        return self.read(path)[0][start:end]

    def read(self, path: str) -> tuple[bytes, str]:
        """Return an object's content and version."""
        with self.counted("get"):
            return self._object(path)

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        with self.counted("head"):
            return {"name": path, "size": len(self._object(path)[0]), "type": "file"}

    def find(self, path: str, *, prefix: str = "", **kwargs: Any) -> list[str]:
        within = f"{path.rstrip('/')}/{prefix}"
        with self._lock:
            start = bisect.bisect_left(self._names, within)
            end = bisect.bisect_left(self._names, within[:-1] + chr(ord(within[-1]) + 1))
            found = self._names[start:end]
        self._repeat("list", len(found))
        return found

    def rm(self, path: str | list[str], **kwargs: Any) -> None:
        paths = [path] if isinstance(path, str) else list(path)
        self._repeat("delete", len(paths))
        with self._lock:
            for each in paths:
                self._remove(each)

    def rm_file(self, path: str) -> None:
        self.rm(path)

    def _remove(self, path: str) -> None:
        if self.objects.pop(path, None) is not None:
            del self._names[bisect.bisect_left(self._names, path)]

    def _object(self, path: str) -> tuple[bytes, str]:
        with self._lock:
            if path not in self.objects:
                raise FileNotFoundError(path)
            return self.objects[path]

    def _repeat(self, kind: str, names: int) -> None:
        for _ in range(max(-(-names // PER_CALL), 1)):
            with self.counted(kind):
                pass


class Conditions:
    """Conditional writes of `CountedObjects`, as an object store has them."""

    unknown_version = "v0"
    candidates = ()
    lists_prefixes = True

    def __init__(self, fs: CountedObjects) -> None:
        self._fs = fs

    def read(self, path: str) -> Versioned:
        return Versioned(*self._fs.read(path))

    def write(self, path: str, content: bytes, seen: str | None) -> None:
        self._fs.write(path, content, lambda version: version == seen)


def counted_store(*, seconds: float = 0.0) -> tuple[Store, CountedObjects]:
    """Return an empty dataset whose operations are counted, and what counts them."""
    fs = CountedObjects(seconds=seconds)
    return Store(fs, "bucket/set", "counted://bucket/set", conditions=Conditions(fs)), fs


def add_neighbours(store: Store, number: int) -> None:
    """Leave what killed tries of other tasks leave: each a lease, eleven staged objects and a checkpoint."""
    names = ["lease", *(f"segments-{each:06d}" for each in range(1, 12)), "checkpoint.json"]
    folders = [
        f"_staging/{task:020x}/{task:020x}/{0:015d}-{1:06d}-{task:016x}" for task in range(1, number + 1)
    ]
    with ThreadPoolExecutor(16) as threads:
        for _ in threads.map(
            lambda name: store.put(name, b"{}"), (f"{a}/{b}" for a in folders for b in names)
        ):
            pass


def kind_of(path: str) -> str:
    """Return what an object is for: the beginning of its name, such as ``part`` or ``checkpoint``."""
    return path.rpartition("/")[2].lstrip("_").split("-")[0].split(".")[0]
