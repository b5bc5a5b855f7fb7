"""The stores, one after the other, each with an Airflow connection, and a root of each test's own in it."""

from __future__ import annotations

import logging
import multiprocessing
import os
import secrets
from typing import TYPE_CHECKING

import pytest

from tests.stores.buckets import S3, Azure, Bucket, Disk, Gcs
from tests.stores.servers import azurite, gcs_emulator, rados_gateway
from tests.support.connections import define

if TYPE_CHECKING:
    from collections.abc import Iterator

# gcsfs asks for the kind of a bucket over gRPC, which the emulator does not speak, and waits a minute.
os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"
logging.getLogger("azure").setLevel(logging.WARNING)

SERVERS = {"s3": (rados_gateway, S3), "azure": (azurite, Azure), "gcs": (gcs_emulator, Gcs)}


@pytest.fixture(scope="session", params=["disk", *SERVERS])
def any_bucket(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    if request.param == "disk":
        yield Disk(tmp_path_factory.mktemp("disk"))
        return
    pytest.importorskip("adlfs", reason="The extras are not installed; run make test-stores.")
    start, client = SERVERS[request.param]
    with start() as url:
        yield client(url)


@pytest.fixture(autouse=True)
def no_process_survives() -> Iterator[None]:
    """Kill what a failed test has left running or stopped, because it may hold a connection of the store."""
    yield
    for process in multiprocessing.active_children():
        process.kill()
        process.join()


@pytest.fixture
def bucket(any_bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A store, with its connections in the environment."""
    define(monkeypatch, any_bucket.connections())
    return any_bucket


@pytest.fixture
def remote(bucket: Bucket) -> Bucket:
    """A store behind a network."""
    if isinstance(bucket, Disk):
        pytest.skip("A disk has no uploads.")
    return bucket


@pytest.fixture
def root() -> str:
    return f"raw/{secrets.token_hex(6)}"
