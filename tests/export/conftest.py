from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_convexport.export.dataset.store import Store
from tests.support.samples import FakeTime, local_store, memory_store
from tests.support.tiny_server import TinyServer, tiny_server


@pytest.fixture
def server() -> Iterator[TinyServer]:
    with tiny_server() as tiny:
        yield tiny


@pytest.fixture
def other_server() -> Iterator[TinyServer]:
    """Some host that is not the vendor's."""
    with tiny_server() as tiny:
        yield tiny


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


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
