"""A real Redis server."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.ports import free_port, wait_for_port


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis server; ``make test-limits`` installs it on Debian."""
    server = shutil.which("redis-server")
    if server is None and os.environ.get("CI"):
        pytest.fail("redis-server is not installed, and CI must not skip this.")
    if server is None:
        pytest.skip("redis-server is not installed; run make test-limits as root.")
    port = free_port()
    folder = str(tmp_path_factory.mktemp("redis"))
    command = [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        wait_for_port(port)
        yield f"redis://127.0.0.1:{port}/0"
        process.terminate()
