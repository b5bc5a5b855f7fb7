"""The cluster as a whole: starts all services in the right order, and stops them."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dev.cluster import airflow, servers
from dev.cluster.api import Api
from dev.cluster.processes import Service
from dev.cluster.settings import REPOSITORY, Settings
from dev.vendors import connections

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from dev.cluster.backend import Backend

EXAMPLES = REPOSITORY / "dags_examples"
_PORTS = ("simulator", *airflow.JOBS)


@dataclass(frozen=True, slots=True)
class Cluster:
    """All services of one cluster.

    :param settings: Its ports, secrets and folder.
    :param backend: Its kind.
    :param servers: The servers that Airflow needs, by name, in their start order.
    :param components: Airflow's components and workers, by name, in their start order.
    :param variables: The environment variables of all Airflow processes.
    """

    settings: Settings
    backend: Backend
    servers: dict[str, Service]
    components: dict[str, Service]
    variables: dict[str, str]

    @classmethod
    def at(
        cls,
        root: Path,
        backend: Backend,
        *,
        dags: Sequence[Path] = (EXAMPLES,),
        simulator: str | None = None,
        variables: Mapping[str, str] | None = None,
        ports: Mapping[str, int] | None = None,
        connect: bool = True,
    ) -> Cluster:
        """Return the cluster of a folder, whether or not it is running.

        :param backend: Kind of the cluster.
        :param dags: Folders of Dags.
        :param simulator: URL of a running simulator; the cluster starts its own if left out.
        :param variables: Further environment variables of all Airflow processes.
        :param ports: Ports to use instead of free ones at the first start: ``{"api-server": 8080}``.
        :param connect: Whether the environment holds the vendors' default connections to the simulator.
        :raises ClusterError: if the folder holds a cluster with another backend.
        """
        settings = Settings.of(root, backend=backend.name, servers=(*_PORTS, *backend.ports), ports=ports)
        around = backend.servers(settings)
        if simulator is None:
            around.append(servers.simulator(settings))
        common = airflow.environment(settings, dags=dags, exports=backend.exports(settings))
        if connect:
            common |= connections(simulator or settings.url("simulator"))
        environment = {**common, **backend.environment(settings), **(variables or {})}
        components = [
            *airflow.components(settings, environment, restart=backend.restart),
            *backend.workers(settings, environment),
        ]
        return cls(settings, backend, _by_name(around), _by_name(components), environment)

    @property
    def services(self) -> dict[str, Service]:
        """All services by name, in their start order."""
        return {**self.servers, **self.components}

    @property
    def api(self) -> Api:
        """Airflow's REST API."""
        return Api.of(self.settings)

    def command_line(self, *arguments: str) -> str:
        """Run a command of ``airflow`` and return its output.

        :raises ClusterError: if it fails.
        """
        return airflow.command_line(self.variables, *arguments)

    def up(self, *, say: Callable[[str], object] = lambda _: None) -> None:
        """Start all services that are not running, and wait until all are ready.

        :param say: Called with a sentence at each step.
        :raises ClusterError: if a service does not become ready.
        """
        if self.servers:
            say(f"Starting {', '.join(self.servers)}.")
        self.backend.prepare(self.settings)
        for server in self.servers.values():
            server.start()
        if self.backend.database is not None:
            self.servers[self.backend.database].wait()
        say("Creating Airflow's tables.")
        airflow.prepare(self.settings, self.variables)
        for server in self.servers.values():
            server.wait()
        self.backend.prepare_servers(self.settings)
        say(f"Starting {', '.join(self.components)}.")
        for component in self.components.values():
            component.start()
        for component in self.components.values():
            component.wait()
        airflow.make_pools(self.settings)

    def down(self, *, keep_logs: bool = False, kill: bool = False) -> None:
        """Stop all services and delete their data.

        :param keep_logs: Whether to keep the cluster's folder, without the settings, for its logs.
        :param kill: Whether to kill the services instead of stopping them cleanly.
        """
        end = Service.kill if kill else Service.stop
        with ThreadPoolExecutor(len(self.components)) as pool:
            list(pool.map(end, self.components.values()))
        for server in reversed(self.servers.values()):
            end(server)
        self.backend.remove(self.settings)
        (self.settings.root / "settings.json").unlink()
        if not keep_logs:
            shutil.rmtree(self.settings.root)

    def restart(self, name: str, *, switches: Sequence[str] | None = None) -> None:
        """Stop a server or component and start it again.

        :param switches: Options of the simulator's command line.
        """
        self.services[name].stop()
        if switches is not None:
            self.servers[name] = servers.simulator(self.settings, switches)
        self.services[name].start()
        self.services[name].wait()


def _by_name(services: Sequence[Service]) -> dict[str, Service]:
    return {service.name: service for service in services}
