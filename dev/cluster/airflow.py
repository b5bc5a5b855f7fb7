"""Airflow's own processes: their environment, the components, the pools and the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from dev.cluster.api import Api
from dev.cluster.processes import ClusterError, Service
from dev.cluster.settings import REPOSITORY, USER
from dev.vendors import connections, pools

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dev.cluster.settings import Settings

JOBS = {
    "api-server": "metadatabase",
    "scheduler": "scheduler",
    "dag-processor": "dag_processor",
    "triggerer": "triggerer",
}
"""Airflow's components, in their start order, with their names in its health report."""


def environment(settings: Settings, *, dags: Sequence[Path], exports: str) -> dict[str, str]:
    """Return the variables that the components of every kind of cluster share.

    :param dags: Folders of Dags.
    :param exports: URL below which the example Dags export.
    """
    return {
        "AIRFLOW_HOME": str(settings.root / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__FERNET_KEY": settings.fernet_key,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{settings.url('api-server')}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(_password_file(settings)),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([_bundle(folder) for folder in dags]),
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(settings.ports["api-server"]),
        "AIRFLOW__API__BASE_URL": settings.url("api-server"),
        "AIRFLOW__API__SECRET_KEY": settings.key,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": settings.key,
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(settings.ports["triggerer"]),
        "AIRFLOW_VAR_CONVEXPORT_ROOT": exports,
        # Modules are compiled once instead of in each process.
        "PYTHONDONTWRITEBYTECODE": "",
    }


def connection(conn_type: str, **fields: Any) -> str:
    """Return a connection in the form of ``AIRFLOW_CONN_*``."""
    return json.dumps({"conn_type": conn_type, **fields})


def _bundle(folder: Path) -> dict[str, Any]:
    name = folder.relative_to(REPOSITORY).as_posix() if folder.is_relative_to(REPOSITORY) else folder.name
    return {
        "name": name.replace("/", "_"),
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(folder), "refresh_interval": 10},
    }


def components(settings: Settings, variables: Mapping[str, str], *, restart: bool) -> list[Service]:
    """Return Airflow's components.

    :param variables: Their environment.
    :param restart: Whether they are restarted if they exit.
    """
    return [_component(settings, variables, name, restart=restart) for name in JOBS]


def _component(settings: Settings, variables: Mapping[str, str], name: str, *, restart: bool) -> Service:
    api = Api.of(settings)
    return Service(
        name,
        (sys.executable, "-m", "airflow", name),
        settings.root / "run",
        lambda: api.is_healthy(JOBS[name]),
        environment=variables,
        restart=restart,
    )


def prepare(settings: Settings, variables: Mapping[str, str]) -> None:
    """Create Airflow's tables and its user."""
    passwords = _password_file(settings)
    passwords.parent.mkdir(exist_ok=True)
    passwords.touch(mode=0o600)
    passwords.write_text(json.dumps({USER: settings.password}))
    command_line(variables, "db", "migrate")


def _password_file(settings: Settings) -> Path:
    return settings.root / "airflow" / "passwords.json"


def make_pools(settings: Settings) -> None:
    """Create one pool for each vendor."""
    api = Api.of(settings)
    for name, pool in pools().items():
        api.make_pool(name, pool)


def make_connections(settings: Settings, url: str) -> None:
    """Create every vendor's default connection to a simulator in Airflow's database, where people see it.

    A connection that exists stays as it is.

    :param url: URL of the simulator.
    """
    api = Api.of(settings)
    for variable, fields in connections(url).items():
        api.make_connection(variable.removeprefix("AIRFLOW_CONN_").lower(), json.loads(fields))


def command_line(variables: Mapping[str, str], *arguments: str) -> str:
    """Run a command of ``airflow`` and return its output.

    :raises ClusterError: if it fails; the message contains its output.
    """
    done = subprocess.run(
        [sys.executable, "-m", "airflow", *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        raise ClusterError(f"airflow {' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout
