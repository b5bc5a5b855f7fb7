"""The interface of a kind of cluster: database, executor, workers and location of the exports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dev.cluster.processes import Service
    from dev.cluster.settings import Settings


class Backend(Protocol):
    """The services of one kind of cluster, in addition to Airflow's components and the simulator."""

    @property
    def name(self) -> str:
        """Name on the command line and in the cluster's settings."""

    @property
    def ports(self) -> tuple[str, ...]:
        """Names of the additional servers that need a port."""

    @property
    def database(self) -> str | None:
        """Name of the database's service; ``None`` if the database is a file."""

    @property
    def restart(self) -> bool:
        """Whether Airflow's components are restarted if they exit."""

    def exports(self, settings: Settings) -> str:
        """Return the URL below which the example Dags export."""

    def environment(self, settings: Settings) -> dict[str, str]:
        """Return the environment variables of Airflow's processes that this kind of cluster adds."""

    def servers(self, settings: Settings) -> list[Service]:
        """Return the servers that Airflow needs, in their start order."""

    def workers(self, settings: Settings, variables: Mapping[str, str]) -> list[Service]:
        """Return the workers.

        :param variables: Environment of all Airflow processes.
        """

    def prepare(self, settings: Settings) -> None:
        """Create the files that the servers and Airflow need; called before any of them is started."""

    def prepare_servers(self, settings: Settings) -> None:
        """Create what Airflow needs on the servers; called when they are ready."""

    def remove(self, settings: Settings) -> None:
        """Delete what is outside the cluster's folder; called when everything is stopped."""

    def describe(self, settings: Settings) -> list[str]:
        """Return lines that explain how to access the servers."""
