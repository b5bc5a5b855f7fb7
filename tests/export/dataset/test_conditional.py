from __future__ import annotations

import fcntl
import logging
import multiprocessing
import os
import sys
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

import pytest
from fsspec.asyn import get_loop

from airflow_provider_convexport.errors import ConfigurationError, DestinationUnavailableError
from airflow_provider_convexport.export.dataset import local_disk
from airflow_provider_convexport.export.dataset.conditional import conditional_writes
from airflow_provider_convexport.export.dataset.store import Store
from tests.support.stores import local_store, memory_store


def test_an_object_is_created_once(store):
    assert store.replace("a", b"one", None)
    assert not store.replace("a", b"two", None)
    assert store.get("a") == b"one"


def test_only_the_version_that_was_seen_is_replaced(store):
    store.put("a", b"one")
    seen = store.get_versioned("a")
    assert seen.content == b"one"

    assert store.replace("a", b"two", seen.version)
    assert not store.replace("a", b"three", seen.version)
    assert store.get("a") == b"two"


def test_an_object_that_is_gone_is_not_replaced(store):
    store.put("a", b"one")
    seen = store.get_versioned("a")
    store.delete(["a"])

    assert store.get_versioned("a") is None
    assert not store.replace("a", b"two", seen.version)
    assert store.get("a") is None


def test_a_replaced_object_leaves_no_temporary_file_on_a_local_disk(local, tmp_path):
    local.replace("a", b"one", None)
    local.replace("a", b"two", None)

    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a"]


def _count_up(root, times):
    store = local_store(root)
    for _ in range(times):
        while True:
            seen = store.get_versioned("count")
            if store.replace("count", b"%d" % (int(seen.content) + 1), seen.version):
                break


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_processes_that_count_side_by_side_on_a_local_disk_lose_no_step(tmp_path):
    store = local_store(tmp_path)
    store.put("count", b"0")
    processes = [
        multiprocessing.get_context("fork").Process(target=_count_up, args=(tmp_path, 50)) for _ in range(3)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()

    assert store.get("count") == b"150"


class TestLock:
    def test_a_lock_that_somebody_keeps_is_told_after_a_while_and_nothing_is_written(
        self, local, monkeypatch
    ):
        local.put("a", b"one")
        seen = local.get_versioned("a")
        monkeypatch.setattr(local_disk, "_LOCK_PATIENCE", 0.05)
        descriptor = os.open(local.root, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)

        with pytest.raises(DestinationUnavailableError, match=r"another process has held the folder's lock"):
            local.replace("a", b"two", seen.version)
        os.close(descriptor)

        assert local.get("a") == b"one"
        assert local.replace("a", b"two", seen.version)

    def test_a_file_system_without_locks_is_told_in_the_log(self, local, monkeypatch, caplog):
        def unsupported(*args):
            raise OSError(95, "Operation not supported")

        local.put("a", b"one")
        monkeypatch.setattr(fcntl, "flock", unsupported)

        probed = local.probed("probe")

        assert "has no conditional writes, so two tasks must not write the same partitions" in caplog.text
        assert probed.replace("a", b"two", probed.get_versioned("a").version)

    def test_a_local_disk_with_locks_is_not_written_to_by_the_probe(self, local, tmp_path, caplog):
        local.put("a", b"one")

        assert local.probed("probe") == local
        assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a"]
        assert "conditional" not in caplog.text


@dataclass
class FakeS3:
    """Objects under S3's protocol, as far as conditional writes need it.

    :param honours: Which conditions it honours: ``"IfMatch"``, ``"create"``.
    :param strips_quotes: Whether it compares ETags without their quotation marks.
    """

    honours: frozenset[str] = frozenset(("IfMatch", "create"))
    strips_quotes: bool = False
    endpoint_url: str | None = "http://store.example"
    client_kwargs: dict[str, Any] = field(default_factory=dict)
    protocol: tuple[str, ...] = ("s3", "s3a")
    objects: dict[str, bytes] = field(default_factory=dict)
    writes: int = 0
    reads: int = 0
    breaks: int = 0
    loop: Any = field(default_factory=get_loop)

    def split_path(self, path):
        bucket, _, key = path.partition("/")
        return bucket, key, None

    async def _call_s3(self, method, *, Bucket, Key):  # noqa: N803 - the names of S3
        assert method == "get_object"
        etag = self._etag(f"{Bucket}/{Key}")
        return {"ETag": etag, "Body": Answer(self, f"{Bucket}/{Key}")}

    def _etag(self, path):
        if path not in self.objects:
            raise FileNotFoundError(path)
        return f'"{hash(self.objects[path]):x}"'

    def pipe_file(self, path, content, mode="overwrite", **conditions):
        self.writes += 1
        if mode == "create" and "create" in self.honours and path in self.objects:
            raise FileExistsError(path)
        if "IfMatch" in conditions and "IfMatch" in self.honours:
            etag = self._etag(path)
            if conditions["IfMatch"] != (etag.strip('"') if self.strips_quotes else etag):
                raise RefusedError({"ResponseMetadata": {"HTTPStatusCode": 412}})
        self.objects[path] = content


@dataclass
class Answer:
    """The body of an answer; the connection may break while it is read."""

    fs: FakeS3
    path: str

    async def read(self):
        self.fs.reads += 1
        if self.fs.breaks >= self.fs.reads:
            raise BrokenError
        return self.fs.objects[self.path]

    def close(self):
        pass


class BrokenError(Exception):
    """What s3fs counts among the errors after which a request is repeated."""


class RefusedError(Exception):
    """An answer of the store, as botocore raises it."""

    def __init__(self, response):
        super().__init__("refused")
        self.response = response


@pytest.fixture(autouse=True)
def s3fs(monkeypatch):
    """The one name of s3fs that is needed; it is not among the libraries of these tests."""
    module = ModuleType("s3fs.core")
    module.S3_RETRYABLE_ERRORS = (BrokenError,)
    monkeypatch.setitem(sys.modules, "s3fs.core", module)


def store_on(fs):
    return Store.of(fs, "bucket/set", "s3://bucket/set", connection="lake")


class TestRead:
    def test_an_answer_whose_connection_breaks_is_asked_for_again(self):
        fs = FakeS3(objects={"bucket/set/a": b"one"}, breaks=3)

        assert store_on(fs).get("a") == b"one"
        assert fs.reads == 4

    def test_it_is_not_asked_for_again_for_ever(self):
        fs = FakeS3(objects={"bucket/set/a": b"one"}, breaks=100)

        with pytest.raises(DestinationUnavailableError, match="BrokenError"):
            store_on(fs).get("a")
        assert fs.reads == 5


class TestProbe:
    def test_amazon_itself_is_not_probed(self):
        fs = FakeS3(endpoint_url=None)

        assert store_on(fs).probed("probe") == store_on(fs)
        assert fs.writes == 0

    @pytest.mark.parametrize("strips_quotes", [False, True])
    def test_a_store_that_honours_conditions_is_used_in_its_own_notation(self, strips_quotes):
        store = store_on(FakeS3(strips_quotes=strips_quotes)).probed("probe")

        assert store.is_conditional
        assert store.replace("a", b"one", None)
        seen = store.get_versioned("a")
        assert store.replace("a", b"two", seen.version)
        assert not store.replace("a", b"three", seen.version)

    @pytest.mark.parametrize("honours", [(), ("IfMatch",), ("create",)])
    def test_a_store_that_ignores_a_condition_compares_first_and_the_log_says_so(self, honours, caplog):
        fs = FakeS3(honours=frozenset(honours))
        store = store_on(fs).probed("probe")

        assert not store.is_conditional
        assert [record.levelno for record in caplog.records] == [logging.WARNING]
        assert "s3://bucket/set has no conditional writes" in caplog.text
        assert store.replace("a", b"one", None)
        seen = store.get_versioned("a")
        fs.objects["bucket/set/a"] = b"of somebody else"
        assert not store.replace("a", b"two", seen.version)
        assert store.get("a") == b"of somebody else"

    def test_a_file_system_of_an_unknown_kind_compares_first(self, caplog):
        store = memory_store()

        assert conditional_writes(store.fs) is None
        assert not store.probed("probe").is_conditional
        assert "has no conditional writes" in caplog.text


class TestFailures:
    def test_a_refusal_is_told_and_is_not_taken_for_a_lost_race(self, monkeypatch):
        fs = FakeS3()
        store = store_on(fs)

        def refuse(*args, **kwargs):
            response = {"ResponseMetadata": {"HTTPStatusCode": 403}, "Error": {"Code": "AccessDenied"}}
            raise RefusedError(response)

        monkeypatch.setattr(fs, "pipe_file", refuse)
        with pytest.raises(ConfigurationError, match=r"refused s3://bucket/set \(AccessDenied, status 403\)"):
            store.replace("a", b"one", "seen")

    def test_a_missing_bucket_is_told(self, monkeypatch):
        fs = FakeS3()

        def missing(*args, **kwargs):
            raise FileNotFoundError

        monkeypatch.setattr(fs, "pipe_file", missing)
        with pytest.raises(ConfigurationError, match="there is no such bucket or container"):
            store_on(fs).replace("a", b"one", None)

    def test_an_outage_is_worth_a_retry(self, monkeypatch):
        fs = FakeS3()

        def fail(*args, **kwargs):
            raise RefusedError({"ResponseMetadata": {"HTTPStatusCode": 503}})

        monkeypatch.setattr(fs, "pipe_file", fail)
        with pytest.raises(DestinationUnavailableError, match="status 503"):
            store_on(fs).replace("a", b"one", "seen")


def test_another_scratch_folder_keeps_the_conditions():
    store = store_on(FakeS3())

    assert replace(store, scratch="_staging/a").conditions == store.conditions
