"""A real Redis server."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_convexport.export.fetch.budget_redis import redis_client
from tests.support.ports import free_port, wait_for_port
from tests.support.requirements import require


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis server; ``make packages`` installs it on Debian."""
    server = shutil.which("redis-server")
    require(server, "redis-server is not installed; run make packages as root.")
    port = free_port()
    folder = str(tmp_path_factory.mktemp("redis"))
    command = [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        wait_for_port(port)
        yield f"redis://127.0.0.1:{port}/0"
        process.terminate()


class SteppedServer:
    """A client of a Redis server, for whose scripts the server's clock differs by some seconds.

    :param url: The server.
    """

    KEY = "step of the clock"

    def __init__(self, url: str) -> None:
        self.server: Any = redis_client(url)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.server, name)

    def step(self, seconds: int) -> None:
        """Put the clock forward, or back, for all clients at the same moment."""
        self.server.incrby(self.KEY, seconds)

    def eval(self, script: str, *arguments: Any) -> Any:
        """Run a script."""
        clock = f"""
            local function stepped()
                local time = redis.call('TIME')
                time[1] = time[1] + (redis.call('GET', '{self.KEY}') or 0)
                return time
            end
            """
        return self.server.eval(clock + script.replace("redis.call('TIME')", "stepped()"), *arguments)
