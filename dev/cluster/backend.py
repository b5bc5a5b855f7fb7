"""What differs between the kinds of cluster: database, executor, workers and the place of the exports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dev.cluster.processes import Service
    from dev.cluster.settings import Settings


class Backend(Protocol):
    """The services that one kind of cluster has besides Airflow's own components and the simulator."""

    @property
    def name(self) -> str:
        """Name on the command line and in the cluster's settings."""

    @property
    def ports(self) -> tuple[str, ...]:
        """Names of the further servers that need a port."""

    @property
    def database(self) -> str | None:
        """Name of the database's service; ``None`` if the database is a file."""

    @property
    def restart(self) -> bool:
        """Whether Airflow's components are started again when they end by themselves."""

    def exports(self, settings: Settings) -> str:
        """Return the URL below which the example Dags export."""

    def environment(self, settings: Settings) -> dict[str, str]:
        """Return the variables of all Airflow processes that only this kind of cluster needs."""

    def servers(self, settings: Settings) -> list[Service]:
        """Return the servers that Airflow needs, in the order of their start."""

    def workers(self, settings: Settings, variables: Mapping[str, str]) -> list[Service]:
        """Return the workers.

        :param variables: Environment of all Airflow processes.
        """

    def prepare(self, settings: Settings) -> None:
        """Make the files that the servers and Airflow expect; called before any of them is started."""

    def prepare_servers(self, settings: Settings) -> None:
        """Make what Airflow expects on the servers; called once they are ready."""

    def remove(self, settings: Settings) -> None:
        """Remove what lies outside the cluster's folder; called once everything is stopped."""

    def describe(self, settings: Settings) -> list[str]:
        """Return lines that tell a developer how to reach the servers."""
