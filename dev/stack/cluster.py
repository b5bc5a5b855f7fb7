"""The stack as a whole: what is started after what, and how all of it is stopped."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dev.stack import airflow, servers
from dev.stack.api import Api
from dev.stack.processes import Service
from dev.stack.settings import REPOSITORY, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

EXAMPLES = REPOSITORY / "dags_examples"


@dataclass(frozen=True, slots=True)
class Cluster:
    """Every service of one stack.

    :param settings: Its own values.
    :param services: Its servers by name, in the order of their start.
    """

    settings: Settings
    services: dict[str, Service]
    _variables: dict[str, str]

    @classmethod
    def at(cls, root: Path, *, dags: Sequence[Path] = (EXAMPLES,)) -> Cluster:
        """Return the stack in a folder, whether or not it runs.

        :param dags: Folders of Dags.
        """
        settings = Settings.of(root)
        variables = airflow.environment(settings, dags=dags)
        services = [
            servers.postgres(settings),
            servers.redis(settings),
            servers.object_store(settings),
            servers.simulator(settings),
            *airflow.components(settings, variables),
        ]
        return cls(settings, {service.name: service for service in services}, variables)

    @property
    def api(self) -> Api:
        """Airflow's REST API."""
        return Api.of(self.settings)

    def up(self, *, say: Callable[[str], None] = lambda _: None) -> None:
        """Start what does not run; returns when all of it is ready.

        :param say: Told what is being done.
        """
        around = [self.services[name] for name in ("postgres", "redis", "object-store", "simulator")]
        say("Starting PostgreSQL, Redis, the object store and the simulator.")
        servers.make_database(self.settings)
        for service in around:
            service.start()
        self.services["postgres"].wait()
        say("Making Airflow's tables.")
        airflow.prepare(self.settings, self._variables)
        for service in around:
            service.wait()
        servers.make_bucket(self.settings)
        say("Starting Airflow.")
        for service in self.services.values():
            service.start()
        for service in self.services.values():
            service.wait()
        airflow.make_pools(self.settings)

    def down(self, *, keep_logs: bool = False, at_once: bool = False) -> None:
        """Stop everything and remove what it held.

        :param keep_logs: Leave the servers' and the tasks' logs.
        :param at_once: Kill the servers, since nothing of them is needed any more.
        """
        end = Service.kill if at_once else Service.stop
        components = [service for service in self.services.values() if service.kept]
        with ThreadPoolExecutor(len(components)) as pool:
            list(pool.map(end, components))
        for service in self.services.values():
            end(service)
        servers.stop_object_store(self.settings)
        servers.remove_database(self.settings)
        (self.settings.root / "settings.json").unlink()
        if not keep_logs:
            shutil.rmtree(self.settings.root)

    def restart(self, name: str, *, switches: Sequence[str] | None = None) -> None:
        """Stop a service and start it again.

        :param switches: For the simulator: switches of its command line.
        """
        service = self.services[name]
        service.stop()
        if switches is not None:
            service = self.services[name] = servers.simulator(self.settings, switches)
        service.start()
        service.wait()
