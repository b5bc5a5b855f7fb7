"""The simulator with its limits on, and connections to it from any number of processes."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from airflow_provider_convexport.simulator.server import RunningSimulator, running
from airflow_provider_convexport.simulator.settings import SimulatorSettings
from tests.end_to_end.conftest import EXTRAS

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def strict_simulator(monkeypatch: pytest.MonkeyPatch, tmp_path) -> Iterator[RunningSimulator]:
    """A simulator that refuses what is above the limits; budgets are counted in files of this test's own."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with running(SimulatorSettings(records=2_000)) as simulator:
        for vendor, extra in EXTRAS.items():
            key = getattr(simulator.settings, f"{vendor}_key")
            connection = {"conn_type": vendor, "host": simulator.url, "password": key, "extra": extra}
            monkeypatch.setenv(f"AIRFLOW_CONN_{vendor.upper()}_DEFAULT", json.dumps(connection))
        yield simulator


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis server; ``make test-limits`` installs it on Debian."""
    server = shutil.which("redis-server")
    if server is None and os.environ.get("CI"):
        pytest.fail("redis-server is not installed, and CI must not skip this.")
    if server is None:
        pytest.skip("redis-server is not installed; run make test-limits as root.")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        server,
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(tmp_path_factory.mktemp("redis")),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        wait_for_port(port)
        yield f"redis://127.0.0.1:{port}/0"
        process.terminate()


def wait_for_port(port: int) -> None:
    """Wait until something listens."""
    for _ in range(100):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"Nothing listens on port {port}.")
