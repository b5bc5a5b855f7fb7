"""A cluster that needs only the package's environment: LocalExecutor, sqlite and a folder."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dev.cluster.processes import Service
    from dev.cluster.settings import Settings

_LOCAL_SETTINGS = Path(__file__).with_name("sqlite_settings")
"""Folder of ``airflow_local_settings``, which all processes of Airflow import."""


class SqliteBackend:
    """The scheduler runs tasks in subprocesses; exports are written to the cluster's folder."""

    name = "sqlite"
    ports = ("task-logs",)
    database = None
    restart = False

    def exports(self, settings: Settings) -> str:
        """Return the URL of a folder below the cluster's."""
        return (settings.root / "exports").as_uri()

    def environment(self, settings: Settings) -> dict[str, str]:
        """Return the variables for LocalExecutor and sqlite."""
        return {
            "PYTHONPATH": str(_LOCAL_SETTINGS),
            # The budgets' files are in the temporary folder, which must not be shared with other clusters.
            "TMPDIR": str(settings.root / "tmp"),
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_database(settings)}?timeout=60",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(settings.ports["task-logs"]),
            # The end of a killed task is detected after 20 seconds instead of five minutes.
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
        }

    def servers(self, settings: Settings) -> list[Service]:
        """Return none."""
        del settings
        return []

    def workers(self, settings: Settings, variables: Mapping[str, str]) -> list[Service]:
        """Return none: tasks are subprocesses of the scheduler."""
        del settings, variables
        return []

    def prepare(self, settings: Settings) -> None:
        """Create the folders and an empty database whose readers and writer do not block each other."""
        for name in ("airflow", "exports", "tmp"):
            (settings.root / name).mkdir(exist_ok=True)
        # The setting is stored in the file.
        with closing(sqlite3.connect(_database(settings))) as database:
            database.execute("PRAGMA journal_mode=WAL")

    def prepare_servers(self, settings: Settings) -> None:
        """Do nothing."""

    def remove(self, settings: Settings) -> None:
        """Do nothing: everything is in the cluster's folder."""

    def describe(self, settings: Settings) -> list[str]:
        """Return where the exports are."""
        return [f"exports       {settings.root / 'exports'}"]


def _database(settings: Settings) -> Path:
    return settings.root / "airflow" / "airflow.db"
