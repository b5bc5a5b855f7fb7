from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_convexport.export.dataset import temporary
from airflow_provider_convexport.export.dataset.store import Store
from airflow_provider_convexport.export.dataset.temporary import nameless_file


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The folder of temporary files, which is empty."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


needs_names = pytest.mark.skipif(not temporary.DESCRIPTORS.exists(), reason="open files have no names here")


@needs_names
def test_no_folder_lists_the_file(folder):
    with nameless_file() as path:
        path.write_bytes(b"what a customer said")

        assert list(folder.iterdir()) == []
        assert path.read_bytes() == b"what a customer said"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    assert not path.exists()


@needs_names
def test_nothing_is_left_of_a_process_that_is_killed(folder):
    script = (
        "import os, signal\n"
        "from airflow_provider_convexport.export.dataset.temporary import nameless_file\n"
        "with nameless_file() as path:\n"
        "    path.write_bytes(b'what a customer said')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = os.environ | {"TMPDIR": str(folder)}

    done = subprocess.run([sys.executable, "-c", script], env=environment, check=False)

    assert done.returncode == -signal.SIGKILL
    assert list(folder.iterdir()) == []


def test_where_open_files_have_no_names_the_file_is_for_this_user_alone(folder, monkeypatch, tmp_path):
    monkeypatch.setattr(temporary, "DESCRIPTORS", tmp_path / "nowhere")
    before = os.umask(0)
    try:
        with nameless_file() as path:
            path.write_bytes(b"what a customer said")

            assert path.parent == folder
            assert path.name.startswith("convexport-")
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(before)

    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("place", [temporary.DESCRIPTORS, "nowhere"])
def test_an_object_is_uploaded_from_such_a_file(monkeypatch, folder, place):
    monkeypatch.setattr(temporary, "DESCRIPTORS", folder / place)
    store = Store.of(MemoryFileSystem(), "/temporary-test", "memory://temporary-test")
    content = os.urandom(300_000)

    with store.temporary_file() as path:
        with path.open("wb") as file:
            file.write(content)
        store.put_file("part-0", path)

    assert store.get("part-0") == content
    store.delete(["part-0"])
