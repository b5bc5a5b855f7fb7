"""Command line of a cluster: ``python -m dev.cluster up``, ``down`` and ``status``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from dev.cluster.celery_backend import CeleryBackend
from dev.cluster.cluster import Cluster
from dev.cluster.processes import ClusterError
from dev.cluster.settings import REPOSITORY, USER
from dev.cluster.sqlite_backend import SqliteBackend

if TYPE_CHECKING:
    from dev.cluster.backend import Backend

ROOT = REPOSITORY / ".stack"
BACKENDS: dict[str, Backend] = {backend.name: backend for backend in (CeleryBackend(), SqliteBackend())}


def main() -> None:
    """Run the action that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m dev.cluster", description=__doc__)
    parser.add_argument("action", choices=("up", "down", "status"))
    parser.add_argument(
        "--root", type=Path, default=ROOT, help="Folder for everything that the cluster writes."
    )
    parser.add_argument("--backend", choices=BACKENDS, help="Kind of cluster; celery if left out.")
    parser.add_argument("--port", type=int, help="Port of Airflow's UI; a free one if left out.")
    options = parser.parse_args()
    root = options.root.resolve()
    if options.action != "up" and not (root / "settings.json").exists():
        say(f"There is no cluster in {root}.")
        return
    try:
        backend = BACKENDS[options.backend or stored_backend(root) or "celery"]
        ports = {"api-server": options.port} if options.port else None
        {"up": up, "down": down, "status": status}[options.action](Cluster.at(root, backend, ports=ports))
    except ClusterError as error:
        sys.exit(str(error))


def stored_backend(root: Path) -> str | None:
    """Return the name of the backend of the cluster in a folder, if there is one."""
    file = root / "settings.json"
    return str(json.loads(file.read_text())["backend"]) if file.exists() else None


def up(cluster: Cluster) -> None:
    """Start the cluster and print how to use it."""
    start = time.monotonic()
    cluster.up(say=say)
    settings = cluster.settings
    lines = [
        f"Airflow       {settings.url('api-server')}   user {USER}, password {settings.password}",
        *cluster.backend.describe(settings),
        f"simulator     {settings.url('simulator')}",
        f"logs          {settings.root / 'run'}",
    ]
    say(f"\nThe cluster is ready (started in {time.monotonic() - start:.0f} s).")
    say("\n".join(f"  {line}" for line in lines))
    stop = (
        "make stack-down" if settings.root == ROOT else f"python -m dev.cluster down --root {settings.root}"
    )
    say(f"Unpause the example Dags in the UI. Stop with: {stop}")


def down(cluster: Cluster) -> None:
    """Stop the cluster and delete its data."""
    cluster.down()
    say("The cluster is stopped and its data is deleted.")


def status(cluster: Cluster) -> None:
    """Print which services are ready."""
    for service in cluster.services.values():
        say(f"{service.name:14}{'ready' if service.processes() and service.is_ready() else 'not running'}")


def say(text: str) -> None:
    """Print a text without buffering."""
    print(text, flush=True)


if __name__ == "__main__":
    main()
