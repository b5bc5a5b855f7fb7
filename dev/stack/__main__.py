"""Command line of the stack: ``python -m dev.stack up``, ``down`` and ``status``."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from dev.stack.cluster import Cluster
from dev.stack.processes import StackError
from dev.stack.settings import BUCKET, REPOSITORY, USER

ROOT = REPOSITORY / ".stack"


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m dev.stack", description=__doc__)
    parser.add_argument("action", choices=("up", "down", "status"))
    parser.add_argument("--root", type=Path, default=ROOT, help="Folder of all that the stack writes.")
    options = parser.parse_args()
    root = options.root.resolve()
    if options.action != "up" and not (root / "settings.json").exists():
        say(f"There is no stack in {root}.")
        return
    cluster = Cluster.at(root)
    try:
        {"up": up, "down": down, "status": status}[options.action](cluster)
    except StackError as error:
        sys.exit(str(error))


def up(cluster: Cluster) -> None:
    """Start the stack and say how to use it."""
    begun = time.monotonic()
    cluster.up(say=say)
    settings = cluster.settings
    say(f"""
The stack runs (started in {time.monotonic() - begun:.0f} s).
  Airflow       {settings.url("api-server")}   user {USER}, password {settings.password}
  exports       {settings.exports}   (bucket {BUCKET}, connection aws_default)
  object store  {settings.url("object-store")}   access key {settings.s3_key}, secret {settings.s3_secret}
  simulator     {settings.url("simulator")}
  logs          {settings.root / "run"}
Unpause the example Dags in the UI. Stop with: make stack-down""")


def down(cluster: Cluster) -> None:
    """Stop the stack; nothing of it stays."""
    cluster.down()
    say("The stack is stopped; what it held is removed.")


def status(cluster: Cluster) -> None:
    """Say which servers run."""
    for service in cluster.services.values():
        say(f"{service.name:14}{'ready' if service.processes() and service.is_ready() else 'not running'}")


def say(text: str) -> None:
    """Write to the terminal at once."""
    print(text, flush=True)


if __name__ == "__main__":
    main()
