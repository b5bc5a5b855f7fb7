"""Datasets on a local disk and in memory, for tests of the engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_convexport.export.dataset.store import Store


def local_store(folder: Path) -> Store:
    """Return a dataset in a folder of this machine."""
    return Store(LocalFileSystem(), str(folder), f"file://{folder}")


def memory_store(root: str = "/data/set") -> Store:
    """Return a dataset in memory, which all tests of a process share."""
    return Store(MemoryFileSystem(), root, f"memory:/{root}")


@pytest.fixture
def local(tmp_path: Path) -> Store:
    return local_store(tmp_path / "set")


@pytest.fixture
def memory() -> Iterator[Store]:
    yield memory_store()
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest) -> Store:
    """The same dataset on a local disk and on something that behaves like an object store."""
    return request.getfixturevalue(request.param)
