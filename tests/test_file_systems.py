from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import attach
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_convexport import file_systems
from airflow_provider_convexport.destination import store_at

MODULE = """
from fsspec.implementations.memory import MemoryFileSystem

schemes = ["{scheme}"]


class Provided(MemoryFileSystem):
    cachable = False


def get_fs(conn_id, storage_options=None):
    return Provided()
"""


@pytest.fixture
def provide(tmp_path, monkeypatch):
    """Install a provider with file systems, each a module of its own that is named like its scheme."""
    installed = []
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(file_systems, "file_system_modules", lambda: {f"fs_{each}" for each in installed})
    monkeypatch.setattr("airflow.sdk.io.store._STORE_CACHE", {})
    monkeypatch.setattr(
        "airflow.sdk.io.fs._register_filesystems",
        lambda: {scheme: __import__(f"fs_{scheme}").get_fs for scheme in installed},
    )

    def install(*schemes, known=True):
        for scheme in schemes:
            (tmp_path / f"fs_{scheme}.py").write_text(MODULE.format(scheme=scheme))
            monkeypatch.delitem(sys.modules, f"fs_{scheme}", raising=False)
            installed.append(scheme)
            if known:
                monkeypatch.setitem(file_systems.SCHEMES, f"fs_{scheme}", (scheme,))

    yield install
    for scheme in installed:
        sys.modules.pop(f"fs_{scheme}", None)


def test_a_local_destination_imports_no_file_system_of_a_provider(provide, tmp_path):
    provide("gs", "s3")

    assert isinstance(store_at(str(tmp_path)).fs, LocalFileSystem)
    assert not {"fs_gs", "fs_s3"} & set(sys.modules)


def test_a_destination_imports_the_file_system_of_its_own_scheme_only(provide):
    provide("gs", "s3")

    store = store_at("s3://bucket/folder")

    assert type(store.fs).__module__ == "fs_s3"
    assert "fs_gs" not in sys.modules
    assert ObjectStoragePath("s3://other/folder").fs is store.fs


def test_a_file_system_that_airflow_does_not_ship_may_replace_that_of_any_scheme(provide, tmp_path):
    provide("gs")
    provide("file", known=False)

    assert type(store_at(str(tmp_path)).fs).__module__ == "fs_file"


def test_a_file_system_that_a_dag_attaches_is_the_one_that_is_used(provide):
    provide("s3")
    own = MemoryFileSystem()
    attach("s3", fs=own)

    assert store_at("s3://bucket/folder").fs is own
    assert "fs_s3" not in sys.modules


def test_a_fresh_process_imports_few_modules_for_a_local_destination(tmp_path):
    names = [f"fs_{number}" for number in range(3)]
    for name in names:
        (tmp_path / f"{name}.py").write_text(MODULE.format(scheme=name))
    info = {"package-name": "fs-provider", "name": "fs", "description": "fs", "filesystems": names}
    (tmp_path / "fs_info.py").write_text(f"def get_provider_info():\n    return {info!r}\n")
    (tmp_path / "fs_provider-1.0.dist-info").mkdir()
    metadata = {
        "METADATA": "Metadata-Version: 2.1\nName: fs-provider\nVersion: 1.0\n",
        "entry_points.txt": "[apache_airflow_provider]\nprovider_info = fs_info:get_provider_info\n",
    }
    for name, text in metadata.items():
        (tmp_path / "fs_provider-1.0.dist-info" / name).write_text(text)
    script = (
        "import json, sys\n"
        "from airflow_provider_convexport import destination, file_systems\n"
        f"file_systems.SCHEMES.update({ {name: (name,) for name in names} })\n"
        "before = set(sys.modules)\n"
        f"destination.store_at({str(tmp_path)!r})\n"
        "print(json.dumps({'known': 'fs_info' in sys.modules, 'new': sorted(set(sys.modules) - before)}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = json.loads(done.stdout.splitlines()[-1])

    assert loaded["known"]  # Airflow has found the provider
    assert not set(names) & set(loaded["new"])
    assert len(loaded["new"]) < 60  # Airflow 3.1 looks for providers only now
