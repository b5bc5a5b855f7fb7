from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.support.iceberg_processes import eight_writers
from tests.support.ports import free_port

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@pytest.fixture
def postgres():
    """A PostgreSQL server of its own, without passwords, on a port of this machine; yields its URL."""
    if not (PROGRAMS and (PROGRAMS[-1] / "initdb").exists()):
        if os.environ.get("CI"):
            pytest.fail("postgresql is not installed, and CI must not skip this.")
        pytest.skip("postgresql is not installed; run make test-stack as root.")
    # Not pytest's own folder, to which the user "postgres" has no access.
    folder = Path(tempfile.mkdtemp(prefix="convexport-postgres-"))
    become = ()
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "postgres", "postgres")
        become = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--")
    port = free_port()
    data = f"{folder}/data"

    def run(program: str, *arguments: str) -> None:
        command = [*become, str(PROGRAMS[-1] / program), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    run("initdb", "-D", data, "-U", "tester", "-A", "trust", "--locale=C.UTF-8", "--no-sync")
    options = f"-p {port} -k '' -c listen_addresses=127.0.0.1"
    run("pg_ctl", "-D", data, "-o", options, "-l", f"{folder}/log", "-w", "start")
    try:
        yield f"postgresql+psycopg2://tester@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder)


def test_eight_processes_write_eight_days_at_once_with_a_catalog_in_postgresql(tmp_path, postgres):
    pytest.importorskip("psycopg2")

    eight_writers(tmp_path, postgres)
