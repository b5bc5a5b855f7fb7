"""A whole Airflow of its own: API server, scheduler with LocalExecutor, Dag processor and triggerer."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import psutil
import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
UNFINISHED = {"queued", "running"}

T = TypeVar("T")


def free_port() -> int:
    """Return a port that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class AirflowCluster:
    """Airflow's components as processes of their own, on free ports and an sqlite database.

    :param home: Airflow home; everything that the components write goes there.
    :param dags: Folder of the Dags; they begin paused.
    :param variables: Environment of all components besides this process's own.
    """

    home: Path
    dags: Path
    variables: Mapping[str, str]
    port: int = field(default_factory=free_port)
    components: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @cached_property
    def environment(self) -> dict[str, str]:
        """The environment of all components and of the command line."""
        url = f"http://127.0.0.1:{self.port}"
        temporary = self.home / "tmp"
        temporary.mkdir(parents=True)
        return {
            **os.environ,
            "TMPDIR": str(temporary),
            "PYTHONPATH": str(Path(__file__).parent / "config"),
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home}/airflow.db?timeout=60",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__MAXIMUM_PAGE_LIMIT": "1000",
            "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(64),
            "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
            # How soon a task that was killed counts as failed; five minutes by default.
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
            **self.variables,
        }

    def start(self) -> None:
        """Make the database, start the components and wait until all of them are healthy."""
        self.command_line("db", "migrate")
        # Readers and the writer do not lock each other out; the setting stays with the file.
        with closing(sqlite3.connect(self.home / "airflow.db")) as database:
            database.execute("PRAGMA journal_mode=WAL")
        for component in COMPONENTS:
            with (self.home / f"{component}.log").open("wb") as log:
                self.components[component] = subprocess.Popen(
                    [sys.executable, "-m", "airflow", component],
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        wait_until(self._is_healthy, seconds=180, what=f"a healthy Airflow; its logs are in {self.home}")

    def stop(self) -> None:
        """End the components and all that they started: workers outlive a component that is asked to end."""
        sessions = {process.pid for process in self.components.values()}
        while found := [pid for pid in psutil.pids() if session_of(pid) in sessions]:
            for pid in found:
                end(pid)
            for process in self.components.values():
                process.wait(timeout=20)

    def command_line(self, *arguments: str) -> str:
        """Run ``airflow`` as a user types it and return what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"airflow {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def api(self, path: str, *, method: str = "GET", json: Any = None, **params: Any) -> Any:
        """Ask the public API, as the UI does."""
        answer = requests.request(
            method,
            f"http://127.0.0.1:{self.port}/api/v2{path}",
            params=params,
            json=json,
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=60,
        )
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler run a Dag."""
        self.api(f"/dags/{dag_id}", method="PATCH", json={"is_paused": False})

    def trigger(self, dag_id: str, **fields: Any) -> str:
        """Start a run by hand and return its id."""
        body = {"logical_date": None, **fields}
        return self.api(f"/dags/{dag_id}/dagRuns", method="POST", json=body)["dag_run_id"]

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Return a Dag's runs, the earliest first."""
        return self.api(f"/dags/{dag_id}/dagRuns", limit=1000, order_by="logical_date")["dag_runs"]

    def tasks(self, dag_id: str, run_id: str) -> dict[str, dict[str, Any]]:
        """Return a run's task instances by task id."""
        found = self.api(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {task["task_id"]: task for task in found}

    def finish(self, dag_id: str, *, at_least: int = 1, seconds: float = 600) -> list[dict[str, Any]]:
        """Wait until a Dag has that many runs and all have succeeded; return them, the earliest first."""

        def finished() -> list[dict[str, Any]] | None:
            runs = self.runs(dag_id)
            for run in runs:
                assert run["state"] != "failed", self._logs(dag_id, run["dag_run_id"])
            done = len(runs) >= at_least and not any(run["state"] in UNFINISHED for run in runs)
            return runs if done else None

        return wait_until(finished, seconds=seconds, what=f"{at_least} finished runs of {dag_id}")

    def dag_ids(self) -> set[str]:
        """Return the Dags that were parsed; fails if one cannot be imported."""
        errors = self.api("/importErrors")["import_errors"]
        assert not errors, errors[0]["stack_trace"]
        return {dag["dag_id"] for dag in self.api("/dags")["dags"]}

    @cached_property
    def _token(self) -> str:
        answer = requests.get(f"http://127.0.0.1:{self.port}/auth/token", timeout=60)
        return answer.json()["access_token"]

    def _is_healthy(self) -> bool:
        for component, process in self.components.items():
            log = self.home / f"{component}.log"
            assert process.poll() is None, f"The {component} ended.\n{log.read_text()[-3000:]}"
        try:
            parts = self.api("/monitor/health")
        except requests.RequestException:
            return False
        return all(part["status"] == "healthy" for part in parts.values())

    def _logs(self, dag_id: str, run_id: str) -> str:
        folder = self.home / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}"
        logs = sorted(folder.rglob("*.log"))
        return f"{run_id} failed.\n" + "\n".join(f"{log}\n{log.read_text()[-4000:]}" for log in logs)


def wait_until(condition: Callable[[], T], *, seconds: float, what: str) -> T:
    """Return the first true answer of a question that is asked twice a second."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited {seconds:.0f} s in vain for {what}.")
        time.sleep(0.5)
    return answer


def session_of(pid: int) -> int | None:
    """Return the session that a process belongs to, if it is still alive."""
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None


def end(pid: int) -> None:
    """Kill a process that may have ended already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
