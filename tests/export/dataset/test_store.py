from __future__ import annotations

import errno
import os
import stat
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_provider_convexport.errors import (
    ConfigurationError,
    DestinationUnavailableError,
    WorkerDiskError,
)
from airflow_provider_convexport.export.stage.attempt import Attempt
from tests.support.stores import local_store


def test_what_is_put_can_be_got(store):
    store.put("a/b.bin", b"one")

    assert store.get("a/b.bin") == b"one"


def test_putting_again_replaces(store):
    store.put("a", b"a longer first version")
    store.put("a", b"two")

    assert store.get("a") == b"two"


def test_a_missing_object_is_none(store):
    assert store.get("nothing/here") is None


def test_a_range_is_half_open(store):
    store.put("a", b"0123456789")

    assert store.get_range("a", 2, 5) == b"234"
    assert store.get_range("a", 4, 4) == b""


def test_a_range_of_a_missing_object_is_an_error(store):
    with pytest.raises(FileNotFoundError):
        store.get_range("nothing", 0, 1)


def test_objects_are_found_by_folder_sorted_and_relative(store):
    for name in ("x/b", "x/a", "x/deep/c", "y/d", "xx/e"):
        store.put(name, b"")

    assert store.find("x") == ["x/a", "x/b", "x/deep/c"]
    assert store.find("nothing") == []


def test_deleting_something_that_is_gone_is_no_error(store):
    store.put("a", b"")
    store.put("b", b"")

    store.delete(["gone", "a", "gone/too", "b"])
    store.delete([])

    assert store.find("") == []


def test_a_file_becomes_an_object_and_is_gone(store):
    with store.temporary_file() as path:
        path.write_bytes(b"content")

        store.put_file("deep/down/a", path)

    assert store.get("deep/down/a") == b"content"
    assert not path.exists()


def test_temporary_files_differ(store):
    with store.temporary_file() as first, store.temporary_file() as second:
        first.write_bytes(b"one")
        second.write_bytes(b"two")

        assert (first.read_bytes(), second.read_bytes()) == (b"one", b"two")


def test_a_temporary_file_that_becomes_no_object_is_removed(store):
    with pytest.raises(OSError, match="disk full"), store.temporary_file() as path:
        raise OSError("disk full")

    assert not path.exists()
    assert store.find("") == []


def test_a_folder_with_special_characters_is_a_folder_like_any_other(tmp_path):
    store = local_store(tmp_path / "a [b] * ü %2F")
    store.put("x[1]/y*z", b"1")

    assert store.find("x[1]") == ["x[1]/y*z"]
    store.delete(["x[1]/y*z"])
    assert store.find("") == []


def test_an_object_at_the_root_is_found_by_its_name(store):
    store.put("a", b"1")

    assert store.find("") == ["a"]


def test_a_wildcard_in_a_name_deletes_nothing_else(memory):
    for name in ("x*/checkpoint", "xy/checkpoint"):
        memory.put(name, b"1")

    memory.delete(["x*/checkpoint"])

    assert memory.find("") == ["xy/checkpoint"]


def test_a_folder_that_fills_up_while_it_is_listed_is_not_taken_for_an_object(memory, monkeypatch):
    # As s3fs and adlfs do: nothing is listed, then the folder is looked up, and there it is.
    monkeypatch.setattr(type(memory.fs), "find", lambda self, path: [path])

    assert memory.find("_staging/task") == []


def test_an_outage_of_the_store_names_the_connection(memory, monkeypatch):
    def away(*args, **kwargs):
        raise ConnectionResetError

    monkeypatch.setattr(type(memory.fs), "pipe_file", away)

    with pytest.raises(DestinationUnavailableError, match="of the Airflow connection 'lake'"):
        replace(memory, connection="lake").put("a", b"")


def test_an_aborted_upload_is_an_outage_and_not_a_lost_staged_object(memory, monkeypatch):
    def aborted(*args, **kwargs):
        raise FileNotFoundError("NoSuchUpload")

    monkeypatch.setattr(type(memory.fs), "put_file", aborted)

    with (
        memory.temporary_file() as path,
        pytest.raises(DestinationUnavailableError, match="the upload was aborted"),
    ):
        memory.put_file("part-0", path)


def test_urls_join_root_and_name(store):
    assert store.url_of("dt=1/_manifest.json") == f"{store.url}/dt=1/_manifest.json"
    assert replace(store, url="s3://b/x/").url_of("a") == "s3://b/x/a"


def test_only_files_of_this_machine_are_local(local, memory):
    assert local.is_local
    assert not memory.is_local


class TestLocalDisk:
    def test_a_failure_while_writing_leaves_nothing_under_the_final_name(self, local, monkeypatch):
        def half(self, content):
            with self.open("wb") as file:
                file.write(content[: len(content) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(Path, "write_bytes", half)
        with pytest.raises(DestinationUnavailableError, match="No space left on device; make room there"):
            local.put("dt=1/part-0", b"0123456789")

        assert all(name.startswith("_staging/") for name in local.find(""))

    def test_readers_see_the_old_or_the_new_version_but_never_a_part(self, local):
        versions = {bytes([letter]) * 200_000 for letter in b"ab"}
        local.put("x", min(versions))
        seen, stop = set(), threading.Event()

        def read():
            while not stop.is_set():
                seen.add(local.get("x"))

        reader = threading.Thread(target=read)
        reader.start()
        for _ in range(30):
            for version in versions:
                local.put("x", version)
        stop.set()
        reader.join()

        assert seen <= versions

    def test_folders_that_become_empty_go_but_the_root_stays(self, local):
        local.put("a/b/c", b"")
        local.put("a/d", b"")
        root = Path(local.root)

        local.delete(["a/b/c"])
        assert sorted(path.name for path in root.rglob("*") if path.name != "_staging") == ["a", "d"]
        local.delete(["a/d"])
        assert root.exists()
        assert not (root / "a").exists()

    def test_a_folder_with_something_else_in_it_stays(self, local):
        local.put("a/b", b"")
        (Path(local.root) / "a" / "yours").write_text("keep")

        local.delete(["a/b"])

        assert (Path(local.root) / "a" / "yours").exists()

    def test_half_written_files_lie_in_the_scratch_folder(self, local):
        scratch = replace(local, scratch="_staging/task/print/000001-x")

        with scratch.temporary_file() as path:
            assert path.exists()

        assert str(path).startswith(f"{local.root}/_staging/task/print/000001-x/writing-")

    @pytest.mark.parametrize(
        ("umask", "of_files", "of_folders"),
        [(0o022, 0o644, 0o755), (0o027, 0o640, 0o750), (0o077, 0o600, 0o700)],
    )
    def test_the_umask_says_who_can_read_what_is_written(self, tmp_path, umask, of_files, of_folders):
        before = os.umask(umask)
        try:
            store = local_store(tmp_path / "raw")
            root = Path(store.root)
            store.put("dt=1/_manifest.json", b"{}")
            assert store.replace("dt=1/_dataset.json", b"{}", None)
            with store.temporary_file() as path:
                assert stat.S_IMODE(path.stat().st_mode) == of_files
                store.put_file("dt=1/part-0", path)
        finally:
            os.umask(before)

        written = [root, *root.rglob("*")]
        modes = {(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in written}
        assert modes == {(True, of_folders), (False, of_files)}

    def test_a_folder_that_is_pruned_while_an_object_comes_is_made_again(self, local):
        stop = threading.Event()

        def prune():
            while not stop.is_set():
                local.delete(["a/b/other"])

        pruner = threading.Thread(target=prune)
        pruner.start()
        try:
            for number in range(100):
                local.put(f"a/b/{number}", b"x")
                local.delete([f"a/b/{number}"])
        finally:
            stop.set()
            pruner.join()


NO_PERMISSION = "this worker's user has no permission there"
UNUSABLE = [
    (errno.EACCES, NO_PERMISSION),
    (errno.EPERM, NO_PERMISSION),
    (errno.EROFS, "its file system is read-only"),
    (errno.ENOTDIR, "a file is in the way of a folder"),
    (errno.EEXIST, "a file is in the way of a folder"),
    (errno.EISDIR, "a folder is in the way of a file"),
    (errno.ENAMETOOLONG, "a name in it is too long"),
    (errno.ELOOP, "a symbolic link in it leads back to itself"),
]


@pytest.mark.parametrize(
    ("number", "problem"), UNUSABLE, ids=[errno.errorcode[number] for number, _ in UNUSABLE]
)
@pytest.mark.parametrize("step", ["write_bytes", "touch", "replace", "mkdir"])
def test_a_disk_that_no_retry_makes_usable_is_a_wrong_destination(local, monkeypatch, step, number, problem):
    def fail(*args, **kwargs):
        raise OSError(number, os.strerror(number), "/somewhere")

    monkeypatch.setattr(Path, step, fail)
    with pytest.raises(ConfigurationError) as caught:
        local.put("dt=1/part-0", b"x")

    assert str(caught.value) == (
        f"The destination {local.url} cannot be used: {problem}; choose another folder or correct that."
    )


def test_a_file_in_the_way_is_found_by_reading(local):
    Path(local.root).mkdir(exist_ok=True)
    (Path(local.root) / "dt=1").write_text("in the way")

    with pytest.raises(ConfigurationError, match="a file is in the way of a folder"):
        local.get("dt=1/_manifest.json")


def test_a_place_where_no_folder_can_be_created_is_not_taken_for_a_newer_attempt():
    with pytest.raises(ConfigurationError) as caught:
        Attempt.begin(local_store(Path("/proc/exports")), task="t", fingerprint="f")

    assert str(caught.value) == (
        "The destination file:///proc/exports cannot be used: folders cannot be created there; "
        "choose another folder or correct that."
    )


def test_a_full_disk_while_a_file_is_written_is_a_failure_of_the_destination(local):
    with (
        pytest.raises(DestinationUnavailableError) as caught,
        local.temporary_file() as path,
        local.opened(path),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")

    assert str(caught.value) == (
        f"The folder {local.url} cannot be used at present (No space left on device; make room there); "
        "progress is kept for a retry."
    )


class TestTemporaryFolder:
    def test_a_missing_one_is_no_lost_staged_object(self, memory, monkeypatch, tmp_path):
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))

        with pytest.raises(WorkerDiskError) as caught, memory.temporary_file():
            pass

        assert str(caught.value) == (
            f"The worker's temporary folder {tmp_path}/gone cannot be used (No such file or directory); "
            "progress is kept for a retry. Make room there, or set TMPDIR to another folder."
        )

    def test_a_full_one_is_not_blamed_on_the_store(self, memory):
        with (
            pytest.raises(WorkerDiskError, match="No space left on device"),
            memory.temporary_file() as path,
            memory.opened(path),
        ):
            raise OSError(errno.ENOSPC, "No space left on device")

    def test_a_staged_object_that_is_missing_while_a_file_is_written_is_still_told(self, memory):
        with pytest.raises(FileNotFoundError), memory.temporary_file() as path, memory.opened(path):
            memory.get_range("gone", 0, 1)


def test_a_folder_of_a_disk_that_cannot_be_listed_does_not_look_empty(local, monkeypatch):
    local.put("dt=2026-04-01/_manifest.json", b"{}")
    broken = f"{local.root}/dt=2026-04-01"
    scandir = os.scandir

    def fail(path):
        if os.fspath(path) == broken:
            raise OSError(errno.EIO, "Input/output error", broken)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", fail)
    with pytest.raises(DestinationUnavailableError, match="a folder cannot be listed: Input/output error"):
        local.find("")


def test_a_folder_of_a_disk_that_disappears_while_it_is_listed_is_no_failure(local, monkeypatch):
    local.put("a/1", b"1")
    local.put("b/2", b"2")
    gone, scandir = f"{local.root}/a", os.scandir

    def vanish(path):
        if os.fspath(path) == gone:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", gone)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", vanish)
    assert local.find("") == ["b/2"]
