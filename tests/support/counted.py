"""A file system in memory that counts its operations, and datasets of many small manifests in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_convexport.export.dataset.manifest import MANIFEST, Span
from airflow_provider_convexport.export.dataset.store import Store
from airflow_provider_convexport.export.window import Window
from tests.support.manifests import manifest_of
from tests.support.operation_counter import OperationCounter
from tests.support.samples import APRIL_1, DAY, HOUR


class CountedFileSystem(OperationCounter, MemoryFileSystem):
    """Counts listings and reads, and how many of them there are at once.

    :param latency: Seconds that each operation takes.
    """

    cachable = False
    store: dict[str, Any] = {}  # noqa: RUF012 - the file systems of one test share their objects
    pseudo_dirs = [""]  # noqa: RUF012 - as above

    def __init__(self, latency: float = 0.0) -> None:
        super().__init__()
        self.count_operations(seconds=latency)
        self.read: list[str] = []

    def cat_file(self, path: str, **options: Any) -> Any:
        with self.counted("read"):
            self.read.append(path)
            return super().cat_file(path, **options)

    def find(self, path: str, **options: Any) -> Any:
        with self.counted("list"):
            return super().find(path, **options)


def counted_store(latency: float = 0.0) -> Store:
    """Return an empty dataset on a file system that counts."""
    CountedFileSystem.store.clear()
    CountedFileSystem.pseudo_dirs[:] = [""]
    return Store(CountedFileSystem(latency), "/data", "memory://data")


def fill(
    store: Store,
    count: int,
    *,
    folder: str = "",
    step: timedelta = DAY,
    scope: Mapping[str, str] | None = None,
    **changes: Any,
) -> None:
    """Put the manifests of consecutive days or hours from April 1 on into a store.

    :param folder: The dataset's folder.
    :param scope: The shop or bot, whose folders are added.
    """
    scope = scope or {}
    place = "".join(
        [f"{folder}/" if folder else "", *(f"{key}={quote(scope[key], safe='')}/" for key in scope)]
    )
    for number in range(count):
        window = Window(APRIL_1 + number * step, APRIL_1 + (number + 1) * step)
        name = f"dt={window.start:%Y-%m-%d}" + (f"/hour={window.start:%H}" if step == HOUR else "")
        manifest = manifest_of(partition=Span.of(window), scope=dict(scope), filters={}, **changes)
        store.fs.pipe_file(f"{store.root}/{place}{name}/{MANIFEST}", manifest.encode())
