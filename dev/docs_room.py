"""Rooms to run commands of the documentation in: an Airflow and folders of its own, a fixed time.

The pages write to ``/tmp/howto`` and ask a simulator at port 8600. A room has another folder, whose name is
as long (so that lines break at the same words), and another port. What is printed gets the pages' names.
A room has links to the environment and the example Dags, so that a reader's first commands work there.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import string
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dev.cluster.settings import free_ports
from dev.demo import simulator
from dev.docs_processes import Processes
from dev.vendors import connections

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REPOSITORY = Path(__file__).resolve().parents[1]
NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
"""When the commands of the documentation ran, so that "yesterday" is always the same day."""

PAGES_ROOT = "/tmp/howto"  # noqa: S108
PAGES_URL = "http://127.0.0.1:8600"
_SIMULATOR = "python -m airflow_provider_convexport.simulator"
_SHOWN = 3_000  # characters at the end of what a command printed
_TIMEOUT = 900  # seconds


@dataclass(frozen=True, slots=True)
class House:
    """What all rooms share.

    :param url: URL of the simulator.
    :param database: A database of Airflow that is ready for use; each room gets a copy.
    :param processes: The commands of all rooms.
    """

    url: str
    database: Path
    processes: Processes


class CommandFailedError(Exception):
    """A command of the documentation ended with another status than the page says."""


def use_fixed_time() -> None:
    """Let all Python processes that this one starts believe that it is now `NOW`; their clocks go on."""
    offset = int((NOW - datetime.now(UTC)).total_seconds())
    os.environ.update(
        CONVEXPORT_CLOCK_OFFSET=str(offset),
        PYTHONPATH=f"{REPOSITORY / 'dev' / 'fixed_time'}:{REPOSITORY}",
        TZ="UTC",
    )


@contextlib.contextmanager
def house() -> Iterator[House]:
    """Start the simulator and make a database; end and remove both."""
    with _folder() as folder, simulator(folder / "simulator.log") as url:
        home = folder / "airflow"
        environment = _environment(folder, url)
        command = [sys.executable, "-m", "airflow", "db", "migrate"]
        subprocess.run(command, env=environment, check=True, capture_output=True)
        processes = Processes()
        try:
            yield House(url, home / "airflow.db", processes)
        finally:
            processes.stop()


class Room:
    """Runs commands of the pages one after another.

    :param house: Simulator and database.
    :param folder: An empty folder whose path is as long as that of the pages.
    :param own_simulator: Whether the commands start a simulator themselves; a port is found for it.
    :param environment: Further environment variables, with the names of the pages.
    """

    def __init__(
        self,
        house: House,
        folder: Path,
        *,
        own_simulator: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.processes = Processes(house.processes)
        self._own_simulator = own_simulator
        port = free_ports(["simulator"])["simulator"] if own_simulator else None
        self._url = f"http://127.0.0.1:{port}" if own_simulator else house.url
        further = {name: self._here(value) for name, value in (environment or {}).items()}
        self._environment = {**_environment(folder, self._url), **further}
        (folder / "dags").mkdir()
        (folder / ".venv").symlink_to(sys.prefix)
        (folder / "dags_examples").symlink_to(REPOSITORY / "dags_examples")
        (folder / "airflow").mkdir()
        shutil.copy(house.database, folder / "airflow" / "airflow.db")

    def add_dag(self, name: str, text: str) -> None:
        """Put a file into the Dags folder."""
        (self.folder / "dags" / name).write_text(self._here(text))

    def run(self, command: str, *, status: int = 0) -> str:
        """Run a command of a page in bash and return what it printed, with the names of the page.

        :raises CommandFailedError: It ended with another status.
        :raises TimeoutError: It took more than a quarter of an hour.
        """
        ended, output, errors = self.processes.run(
            ["bash", "-o", "pipefail", "-c", self._here(command)],
            environment=self._environment,
            folder=self.folder,
            timeout=_TIMEOUT,
        )
        if ended != status:
            ends = f"{output[-_SHOWN:]}{errors[-_SHOWN:]}"
            raise CommandFailedError(f"{command} ended with {ended}, not {status}:\n{ends}")
        return self._as_in_pages(output)

    def _here(self, text: str) -> str:
        if self._own_simulator:
            text = text.replace(_SIMULATOR, f"{_SIMULATOR} --port {self._url.rpartition(':')[2]}")
        return text.replace(PAGES_ROOT, str(self.folder)).replace(PAGES_URL, self._url)

    def _as_in_pages(self, text: str) -> str:
        text = text.replace(str(self.folder), PAGES_ROOT).replace(self._url, PAGES_URL)
        return text.replace(self._url.removeprefix("http://"), PAGES_URL.removeprefix("http://"))


@contextlib.contextmanager
def room(
    house: House, *, own_simulator: bool = False, environment: Mapping[str, str] | None = None
) -> Iterator[Room]:
    """Make a room; at the end, kill what its commands have left running, and remove it.

    :param own_simulator: Whether the commands start a simulator themselves.
    :param environment: Further environment variables.
    """
    with _folder() as folder:
        own = Room(house, folder, own_simulator=own_simulator, environment=environment)
        try:
            yield own
        finally:
            own.processes.stop()


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    length = len(Path(PAGES_ROOT).name)
    while True:
        name = "".join(secrets.choice(string.ascii_lowercase) for _ in range(length))
        folder = Path(PAGES_ROOT).with_name(name)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            break
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _environment(folder: Path, url: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    return {
        **inherited,
        **connections(url),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "",
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW__CONVEXPORT__BUDGET_STORAGE": "memory",
        "AIRFLOW_VAR_CONVEXPORT_ROOT": f"file://{folder}/exports",
    }
