"""One stack for all tests here, by the same code as `make stack`, apart from one that a developer runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dev.cluster.celery_backend import CeleryBackend
from dev.cluster.cluster import EXAMPLES, Cluster
from dev.cluster.settings import REPOSITORY
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = REPOSITORY / ".stack-test"
DAGS = Path(__file__).parent / "dags"
PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The running stack, with the Dags of this folder and the examples; logs are kept if a test fails.

    With ``STACK_KEEP=1`` it is left running, and one that was left is taken.
    """
    missing = [name for name in ("radosgw", "redis-server") if shutil.which(name) is None]
    missing += [] if any(Path("/usr/lib/postgresql").glob("*/bin/initdb")) else ["postgresql"]
    if missing and os.environ.get("CI"):
        pytest.fail(f"{missing} are not installed, and CI must not skip this.")
    if missing:
        pytest.skip(f"{missing} are not installed; run make stack as root.")
    keep = bool(os.environ.get("STACK_KEEP"))
    if not keep:
        if (ROOT / "settings.json").exists():
            Cluster.at(ROOT, CeleryBackend()).down()  # a run that was interrupted left it
        shutil.rmtree(ROOT, ignore_errors=True)
    cluster = Cluster.at(ROOT, CeleryBackend(), dags=(EXAMPLES, DAGS))
    try:
        cluster.up()
        yield cluster
    finally:
        if not keep:
            cluster.down(keep_logs=bool(request.session.testsfailed), kill=True)


@pytest.fixture
def postgres() -> Iterator[str]:
    """A PostgreSQL server of its own, without passwords, on a port of this machine; yields its URL."""
    if not (PROGRAMS and (PROGRAMS[-1] / "initdb").exists()):
        if os.environ.get("CI"):
            pytest.fail("postgresql is not installed, and CI must not skip this.")
        pytest.skip("postgresql is not installed; run make test-stack as root.")
    # Not pytest's own folder, to which the user "postgres" has no access.
    folder = Path(tempfile.mkdtemp(prefix="convexport-postgres-"))
    become: tuple[str, ...] = ()
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
