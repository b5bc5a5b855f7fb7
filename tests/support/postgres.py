"""A PostgreSQL server of the tests' own, from Debian's package."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.cluster.servers import as_postgres
from tests.support.ports import free_port
from tests.support.requirements import require


def programs() -> Path | None:
    """Return the folder of the newest PostgreSQL's programs; ``None`` without one."""
    found = sorted(file.parent for file in Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1] if found else None


@contextlib.contextmanager
def postgres_server(folder_of_programs: Path) -> Iterator[str]:
    """Start a server without passwords on a port of this machine, and yield the URL of its empty database."""
    # Not pytest's own folder, to which the user "postgres" has no access.
    folder = Path(tempfile.mkdtemp(prefix="convexport-postgres-"))
    if become := as_postgres():
        shutil.chown(folder, "postgres", "postgres")
    port = free_port()
    data = f"{folder}/data"

    def run(program: str, *arguments: str) -> None:
        command = [*become, str(folder_of_programs / program), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    run("initdb", "-D", data, "-U", "tester", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
    options = f"-p {port} -k '' -c listen_addresses=127.0.0.1"
    run("pg_ctl", "-D", data, "-o", options, "-l", f"{folder}/log", "-w", "start")
    try:
        yield f"postgresql+psycopg2://tester@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder)


@pytest.fixture
def postgres():
    """The URL of an empty database in PostgreSQL; skips without it, and fails in CI."""
    folder = programs()
    require(folder, "postgresql is not installed; run make packages as root.")
    with postgres_server(folder) as url:
        yield url
