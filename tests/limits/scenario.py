"""Ways of sending for a minute, in processes: ``python -m tests.limits.scenario FOLDER NAME...``.

They run side by side, because they mostly sleep, and write when requests arrived into the folder.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import multiprocessing
import os
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import redis
import requests

from airflow_provider_convexport.export.fetch.budget import Budget
from airflow_provider_convexport.export.fetch.budget_redis import RedisCounter
from airflow_provider_convexport.export.fetch.budget_storage import counter_factory, rates_of
from airflow_provider_convexport.export.fetch.client import Client
from airflow_provider_convexport.export.fetch.limit import Limit
from airflow_provider_convexport.export.fetch.request import PageRequest
from tests.support.lateness import ask_for_priority, measured_lateness
from tests.support.ports import free_port, wait_for_port
from tests.support.redis import SteppedServer
from tests.support.tls_server import make_certificate, tls_server, tunnelling_proxy

REQUESTS = 3
PERIOD = 1.0
LIMITS = (Limit(REQUESTS, timedelta(seconds=PERIOD)),)
SECONDS = 65.0
"""How long is sent: a minute, and some seconds to begin."""
EVENTS = (15.0, 30.0, 45.0)
"""When something is broken or stepped."""
AT_ONCE = 6
"""Scenarios at once; each has four clients and a server, which two processors have to serve in time."""
DAY = 86_400
FORK = multiprocessing.get_context("fork")
TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@dataclass(frozen=True)
class Scenario:
    """How is sent.

    :param version: Version of TLS.
    :param idle: Seconds after which the server closes an idle connection.
    :param proxied: Whether requests go through a proxy, which tunnels them.
    :param shared: Whether requests are counted in Redis; otherwise in a file.
    :param event: What happens at each of `EVENTS`: a method of `Redis`, or steps of a clock.
    :param forks: Whether each process forks after its first request, and both go on with the same client.
    :param price: Periods that each event costs.
    """

    version: ssl.TLSVersion = TLS_1_3
    idle: float = 60.0
    proxied: bool = False
    shared: bool = False
    event: str = ""
    forks: bool = False
    price: float = 0.0


SCENARIOS = {
    "TLS 1.2": Scenario(TLS_1_2),
    "TLS 1.3 with tickets": Scenario(),
    "TLS 1.2 and idle connections closed": Scenario(TLS_1_2, idle=0.3),
    "TLS 1.3 and idle connections closed": Scenario(idle=0.3),
    "a proxy and TLS 1.2": Scenario(TLS_1_2, proxied=True),
    "a proxy and TLS 1.3": Scenario(proxied=True),
    "a proxy and idle connections closed": Scenario(proxied=True, idle=0.3),
    "forks after first use": Scenario(forks=True),
    "forks after first use with Redis": Scenario(forks=True, shared=True),
    "wall clock forward and back": Scenario(event="step_wall_clock"),
    "wall clock forward and back with Redis": Scenario(event="step_wall_clock", shared=True),
    "Redis": Scenario(shared=True),
    "Redis flushed": Scenario(shared=True, event="flush", price=1.0),
    "Redis evicting": Scenario(shared=True, event="evict", price=1.0),
    "Redis restarted": Scenario(shared=True, event="restart", price=4.0),  # and the time it is away
    "the clock of Redis forward": Scenario(shared=True, event="step_forward", price=1.0),
    "the clock of Redis back": Scenario(shared=True, event="step_back", price=1.0),
}


@dataclass
class Redis:
    """A Redis server that can be broken.

    :param folder: Where it runs.
    """

    folder: Path
    port: int = field(default_factory=free_port)
    _process: Any = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self._process = subprocess.Popen(
            [*command, "--dir", str(self.folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for_port(self.port)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        self.stop()
        time.sleep(0.5)
        self.start()

    def flush(self) -> None:
        redis.Redis.from_url(self.url).flushall()

    def evict(self) -> None:
        server = redis.Redis.from_url(self.url)
        server.delete(*server.keys("*"))

    def step_forward(self) -> None:
        SteppedServer(self.url).step(3_600)

    def step_back(self) -> None:
        SteppedServer(self.url).step(-3_600)

    def step_wall_clock(self) -> None:
        """The senders do that themselves."""

    def counter(self, name: str, limits: tuple[Limit, ...]) -> RedisCounter:
        server: Any = SteppedServer(self.url)
        return RedisCounter(server, name, rates_of(limits))


def stepped_wall_clock(begun: float) -> contextlib.ExitStack:
    """Let the wall clock be a day ahead, a day behind and right again, in turn."""
    real = time.time

    def wall() -> float:
        passed = sum(moment <= time.monotonic() - begun for moment in EVENTS)
        return real() + (0, DAY, -DAY, 0)[passed]

    def in_nanoseconds() -> int:
        return int(wall() * 1e9)

    stack = contextlib.ExitStack()
    stack.enter_context(mock.patch("time.time", wall))
    stack.enter_context(mock.patch("time.time_ns", in_nanoseconds))
    return stack


def send(client: Client, scenario: Scenario, begun: float) -> None:
    """Send the cheapest request again and again, as fast as the budget allows."""
    with stepped_wall_clock(begun) if scenario.event == "step_wall_clock" else contextlib.ExitStack():
        for number in itertools.count():
            client.fetch(PageRequest(f"{client.base_url}/export"), bytes)
            if scenario.forks and number == 0:
                os.fork()
            if time.monotonic() - begun > SECONDS:
                return


def break_things(event: Callable[[], None], begun: float) -> None:
    for moment in EVENTS:
        time.sleep(max(0.0, begun + moment - time.monotonic()))
        event()


@contextlib.contextmanager
def redis_server(folder: Path, *, wanted: bool) -> Iterator[Redis]:
    server = Redis(folder)
    try:
        if wanted:
            server.start()
        yield server
    finally:
        server.stop()


def run(scenario: Scenario, folder: Path) -> dict[str, Any]:
    """Send in four processes, and return what the server saw."""
    certificate = make_certificate(folder)
    ask_for_priority()
    with (
        measured_lateness() as lateness,
        redis_server(folder, wanted=scenario.shared) as shared,
        tls_server(certificate, scenario.version, idle=scenario.idle) as server,
        tunnelling_proxy() as tunnels,
    ):

        def new_session() -> requests.Session:
            session = requests.Session()
            session.trust_env = False
            session.verify = str(certificate)
            session.proxies.update({"https": tunnels.url} if scenario.proxied else {})
            return session

        def work() -> None:
            # Each process has an own object, as tasks have.
            counter = shared.counter if scenario.shared else counter_factory("machine")
            send(Client("Acme", server.url, new_session, Budget("acme", LIMITS, counter)), scenario, begun)

        begun = time.monotonic()
        processes = [FORK.Process(target=work) for _ in range(2 if scenario.forks else 4)]
        for process in processes:
            process.start()
        if scenario.event:
            break_things(getattr(shared, scenario.event), begun)
        for process in processes:
            process.join()
        time.sleep(1)  # for what was forked
        return {
            "arrivals": server.arrivals,
            "exit_codes": [process.exitcode for process in processes],
            "lateness": asdict(lateness),
            "tunnels": tunnels.opened,
            "handshakes": server.handshakes,
        }


def write_outcome(name: str, folder: Path) -> None:
    folder.mkdir()
    tempfile.tempdir = str(folder)
    outcome = json.dumps(run(SCENARIOS[name], folder))
    (folder / "outcome.json").write_text(outcome)


def main(folder: Path, names: list[str]) -> None:
    """Run a few scenarios at once; what they need was imported once, by this process."""
    for first in range(0, len(names), AT_ONCE):
        batch = names[first : first + AT_ONCE]
        runs = [FORK.Process(target=write_outcome, args=(name, folder / name)) for name in batch]
        for each in runs:
            each.start()
        for each in runs:
            each.join()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
