"""The stores, one after the other, each with an Airflow connection, and a root of each test's own in it."""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
import os
import secrets
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.conftest import shared_simulator, simulator  # noqa: F401
from tests.stores.buckets import S3, Azure, Bucket, Disk, Gcs
from tests.stores.servers import azurite, gcs_emulator, rados_gateway

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


@pytest.fixture
def bucket(any_bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A store, with its connections in the environment."""
    for name, value in any_bucket.connections().items():
        monkeypatch.setenv(name, value)
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


def environment() -> dict[str, str]:
    """Return this process's connections, for another one."""
    return {name: value for name, value in os.environ.items() if name.startswith("AIRFLOW_CONN_")}


def partitions(bucket: Bucket, root: str) -> dict[str, list[bytes]]:
    """Read every partition through its manifest, checking the files on the way; lines sorted."""
    found = {}
    for name in bucket.sizes(root):
        folder, _, last = name.rpartition("/")
        if last == "_manifest.json":
            manifest = json.loads(bucket.read(root, name) or b"")
            lines = []
            for entry in manifest["files"]:
                content = bucket.read(root, f"{folder}/{entry['name']}")
                assert content is not None
                check_file(entry, content)
                lines.extend(gzip.decompress(content).split(b"\n")[:-1])
            assert manifest["records"] == len(lines)
            found[folder] = sorted(lines)
    return found


def check_file(entry: dict[str, object], content: bytes) -> None:
    """Compare a file with its entry in a manifest."""
    assert len(content) == entry["bytes"]
    assert hashlib.sha256(content).hexdigest() == entry["sha256"]


def assert_tidy(bucket: Bucket, root: str) -> None:
    """Nothing lies there but manifests and the files that they name."""
    names = set(bucket.sizes(root))
    manifests = {name for name in names if name.endswith("/_manifest.json")}
    named = {
        f"{name.rpartition('/')[0]}/{entry['name']}"
        for name in manifests
        for entry in json.loads(bucket.read(root, name) or b"")["files"]
    }
    assert names == manifests | named
