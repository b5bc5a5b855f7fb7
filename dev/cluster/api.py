"""A client of Airflow's REST API, for the cluster and its tests."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import requests

from dev.cluster.processes import ClusterError
from dev.cluster.settings import USER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dev.cluster.settings import Settings

_PAGE = 100


@dataclass(slots=True)
class Api:
    """Airflow's REST API, used as the cluster's user.

    :param url: Address of the API server.
    :param password: The user's password.
    """

    url: str
    password: str
    _token: str = field(default="", repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Api:
        """Return the API of a cluster."""
        return cls(settings.url("api-server"), settings.password)

    def is_healthy(self, job: str) -> bool:
        """Return whether a component has sent a heartbeat recently.

        :param job: ``"metadatabase"``, ``"scheduler"``, ``"triggerer"`` or ``"dag_processor"``.
        """
        try:
            answer = requests.get(f"{self.url}/api/v2/monitor/health", timeout=10)
        except requests.RequestException:
            return False
        return answer.ok and answer.json().get(job, {}).get("status") == "healthy"

    def make_pool(self, name: str, pool: Mapping[str, object]) -> None:
        """Create a pool unless one of that name exists.

        :param pool: Its ``slots``, ``description`` and ``include_deferred``.
        """
        self._ask("POST", "pools", {"name": name, **pool}, accept=(409,))

    def pools(self) -> set[str]:
        """Return the names of all pools."""
        return {str(pool["name"]) for pool in self._list("pools", "pools")}

    def resize_pool(self, name: str, slots: int) -> None:
        """Give a pool another number of slots; no task of it starts while it has none."""
        self._ask("PATCH", f"pools/{name}?update_mask=slots", {"pool": name, "slots": slots})

    def make_connection(self, conn_id: str, fields: Mapping[str, Any]) -> None:
        """Create a connection unless one of that id exists.

        :param fields: Its ``conn_type``, ``host``, ``password`` and ``extra``, an object.
        """
        body = {"connection_id": conn_id, **fields, "extra": json.dumps(fields["extra"])}
        self._ask("POST", "connections", body, accept=(409,))

    def move_connections(self, old: str, new: str) -> None:
        """Let the connections to one address lead to another one."""
        for each in self._list("connections", "connections"):
            if each["host"] == old:
                body = {"connection_id": each["connection_id"], "conn_type": each["conn_type"], "host": new}
                self._ask("PATCH", f"connections/{each['connection_id']}?update_mask=host", body)

    def dag_ids(self) -> set[str]:
        """Return the Dags that were parsed.

        :raises ClusterError: if a file cannot be imported; the message is the stack trace.
        """
        for error in self._list("importErrors", "import_errors"):
            raise ClusterError(error["stack_trace"])
        return {dag["dag_id"] for dag in self._list("dags", "dags")}

    def files_of_dags(self) -> set[str]:
        """Return the paths of the files that were parsed, below their bundle, with and without errors."""
        found = {str(error["filename"]) for error in self._list("importErrors", "import_errors")}
        return found | {str(dag["relative_fileloc"]) for dag in self._list("dags", "dags")}

    def wait_for_dag(self, dag_id: str, *, timeout: float = 90) -> None:
        """Wait until a Dag has been parsed.

        :param timeout: Seconds.
        :raises ClusterError: if it is not parsed in time.
        """
        end = time.monotonic() + timeout
        while self._ask("GET", f"dags/{dag_id}", accept=(404,)).get("dag_id") != dag_id:
            if time.monotonic() > end:
                raise ClusterError(f"Airflow did not parse the Dag {dag_id} in {timeout:.0f} s.")
            time.sleep(0.5)

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler run a Dag."""
        self._ask("PATCH", f"dags/{dag_id}", {"is_paused": False})

    def has_open_backfill(self, dag_id: str) -> bool:
        """Return whether a Dag has a backfill that is not completed, besides which Airflow takes no other."""
        backfills = self._list(f"backfills?dag_id={dag_id}", "backfills")
        return any(each["completed_at"] is None for each in backfills)

    def backfill(self, dag_id: str, start: datetime, end: datetime, *, runs: int = 10) -> None:
        """Start a backfill.

        :param runs: Maximum number of concurrent runs.
        """
        body = {
            "dag_id": dag_id,
            "from_date": start.isoformat(),
            "to_date": end.isoformat(),
            "max_active_runs": runs,
        }
        self._ask("POST", "backfills", body)

    def trigger(self, dag_id: str, **fields: Any) -> str:
        """Trigger a run and return its id.

        :param fields: Fields of the request, such as ``conf``; without ``logical_date`` the run has none.
        """
        run = self._ask("POST", f"dags/{dag_id}/dagRuns", {"logical_date": None, **fields})
        return str(run["dag_run_id"])

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Return a Dag's runs by logical date, those without one first."""
        return sorted(self._list(f"dags/{dag_id}/dagRuns", "dag_runs"), key=_logical_date)

    def tasks(self, dag_id: str, run_id: str = "~") -> list[dict[str, Any]]:
        """Return the task instances of a Dag's run.

        :param run_id: The run; those of all runs if left out.
        """
        return self._list(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances", "task_instances")

    def tries(self, task: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return every try of a task instance."""
        path = f"dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}/tries"
        return list(self._ask("GET", path)["task_instances"])

    def log(self, task: Mapping[str, Any], try_number: int) -> str:
        """Return the log of one try."""
        return str(self.log_records(task, try_number))

    def log_records(self, task: Mapping[str, Any], try_number: int) -> list[dict[str, Any]]:
        """Return the records of the log of one try, as the UI gets them."""
        path = f"dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}"
        return list(self._ask("GET", f"{path}/logs/{try_number}?full_content=true").get("content") or ())

    def wait_for_runs(self, dag_id: str, *, min_runs: int = 1, timeout: float = 600) -> list[dict[str, Any]]:
        """Wait until a Dag has enough runs and all have succeeded; return them by logical date.

        :param min_runs: Number of runs to wait for.
        :param timeout: Seconds.
        :raises ClusterError: if a run fails (with the logs of its failed tasks), or if it takes longer.
        """
        end = time.monotonic() + timeout
        while True:
            runs = self.runs(dag_id)
            states = {run["dag_run_id"]: run["state"] for run in runs}
            for run_id, state in states.items():
                if state == "failed":
                    raise ClusterError(f"{dag_id} {run_id} failed.\n{self._failures(dag_id, run_id)}")
            if len(runs) >= min_runs and not {"queued", "running"} & set(states.values()):
                return runs
            if time.monotonic() > end:
                raise ClusterError(f"{dag_id} is not done after {timeout:.0f} s: {states}.")
            time.sleep(0.5)

    def wait_for_run(self, dag_id: str, run_id: str, *, timeout: float) -> dict[str, Any]:
        """Wait until a run has ended, and return it.

        :param timeout: Seconds.
        :raises ClusterError: if it does not end in time.
        """
        end = time.monotonic() + timeout
        while True:
            run = self._ask("GET", f"dags/{dag_id}/dagRuns/{run_id}")
            if run["state"] in ("success", "failed"):
                return run
            if time.monotonic() > end:
                raise ClusterError(f"{dag_id} {run_id} is {run['state']} after {timeout:.0f} s.")
            time.sleep(0.5)

    def _failures(self, dag_id: str, run_id: str) -> str:
        failed = [task for task in self.tasks(dag_id, run_id) if task["state"] == "failed"]
        return "\n".join(
            f"{task['task_id']}: {self.log(task, task['try_number'])[-4000:]}" for task in failed
        )

    def _list(self, path: str, key: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            join = "&" if "?" in path else "?"
            page = self._ask("GET", f"{path}{join}limit={_PAGE}&offset={len(found)}")
            found += page[key]
            if len(found) >= page["total_entries"]:
                return found

    def _ask(
        self, method: str, path: str, body: Any = None, *, accept: tuple[int, ...] = ()
    ) -> dict[str, Any]:
        """Send a request; retry for half a minute while the server, or its database, cannot be reached."""
        end = time.monotonic() + 30
        while True:
            try:
                answer = self._send(method, path, body)
            except requests.ConnectionError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.5)
                continue
            if answer.ok or answer.status_code in accept:
                return dict(answer.json()) if answer.content else {}
            if time.monotonic() > end or not _was_rolled_back(answer):
                raise ClusterError(
                    f"{method} {path} returned status {answer.status_code}: {answer.text[:500]}"
                )
            time.sleep(0.5)

    def _send(self, method: str, path: str, body: Any) -> requests.Response:
        if not self._token:
            credentials = {"username": USER, "password": self.password}
            answer = requests.post(f"{self.url}/auth/token", json=credentials, timeout=30)
            answer.raise_for_status()
            self._token = answer.json()["access_token"]
        headers = {"Authorization": f"Bearer {self._token}"}
        return requests.request(method, f"{self.url}/api/v2/{path}", json=body, headers=headers, timeout=30)


def _was_rolled_back(answer: requests.Response) -> bool:
    """Return whether an answer says that the database failed, such as sqlite while others write."""
    if answer.status_code != 500 or "json" not in answer.headers.get("Content-Type", ""):
        return False
    detail = answer.json().get("detail")
    return isinstance(detail, dict) and detail.get("reason") == "Database error"


def _logical_date(run: Mapping[str, Any]) -> datetime:
    text = run["logical_date"]
    return datetime.fromisoformat(text) if text else datetime.min.replace(tzinfo=UTC)
