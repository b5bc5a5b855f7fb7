"""What the stack and its tests ask of Airflow's REST API."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests

from dev.stack.processes import StackError
from dev.stack.settings import USER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from dev.stack.settings import Settings

_PAGE = 100


@dataclass(slots=True)
class Api:
    """Airflow's REST API as the stack's user sees it.

    :param url: Address of the API server.
    :param password: The user's.
    """

    url: str
    password: str
    _token: str = field(default="", repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Api:
        """Return the API of a stack."""
        return cls(settings.url("api-server"), settings.password)

    def is_healthy(self, job: str) -> bool:
        """Tell whether a component has reported lately.

        :param job: ``"metadatabase"``, ``"scheduler"``, ``"triggerer"`` or ``"dag_processor"``.
        """
        try:
            answer = requests.get(f"{self.url}/api/v2/monitor/health", timeout=10)
        except requests.RequestException:
            return False
        return answer.ok and answer.json().get(job, {}).get("status") == "healthy"

    def make_pool(self, name: str, *, slots: int) -> None:
        """Make a pool, unless there is one of that name."""
        self._ask("POST", "pools", {"name": name, "slots": slots, "include_deferred": False}, accept=(409,))

    def wait_for_dag(self, dag_id: str, *, timeout: float = 90) -> None:
        """Wait until a Dag was read."""
        end = time.monotonic() + timeout
        while self._ask("GET", f"dags/{dag_id}", accept=(404,)).get("dag_id") != dag_id:
            if time.monotonic() > end:
                raise StackError(f"Airflow did not read the Dag {dag_id} in {timeout:.0f} s.")
            time.sleep(0.5)

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler run a Dag."""
        self._ask("PATCH", f"dags/{dag_id}", {"is_paused": False})

    def backfill(self, dag_id: str, start: datetime, end: datetime, *, runs: int = 10) -> None:
        """Start a backfill.

        :param runs: Runs at a time.
        """
        body = {
            "dag_id": dag_id,
            "from_date": start.isoformat(),
            "to_date": end.isoformat(),
            "max_active_runs": runs,
        }
        self._ask("POST", "backfills", body)

    def trigger(self, dag_id: str, conf: Mapping[str, Any]) -> str:
        """Start a run without a logical date and return its id."""
        run = self._ask("POST", f"dags/{dag_id}/dagRuns", {"logical_date": None, "conf": dict(conf)})
        return str(run["dag_run_id"])

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Return a Dag's runs."""
        return self._list(f"dags/{dag_id}/dagRuns", "dag_runs")

    def tasks(self, dag_id: str, run_id: str = "~") -> list[dict[str, Any]]:
        """Return the task instances of one or all runs of a Dag."""
        return self._list(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances", "task_instances")

    def tries(self, task: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return every try of a task instance."""
        path = f"dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}/tries"
        return list(self._ask("GET", path)["task_instances"])

    def log(self, task: Mapping[str, Any], try_number: int) -> str:
        """Return the log of one try."""
        path = f"dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}"
        return str(self._ask("GET", f"{path}/logs/{try_number}?full_content=true").get("content"))

    def wait_for_run(self, dag_id: str, run_id: str, *, timeout: float) -> dict[str, Any]:
        """Return a run once it has ended.

        :raises StackError: if it does not in time.
        """
        end = time.monotonic() + timeout
        while True:
            run = self._ask("GET", f"dags/{dag_id}/dagRuns/{run_id}")
            if run["state"] in ("success", "failed"):
                return run
            if time.monotonic() > end:
                raise StackError(f"{dag_id} {run_id} is {run['state']} after {timeout:.0f} s.")
            time.sleep(0.5)

    def _list(self, path: str, key: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            page = self._ask("GET", f"{path}?limit={_PAGE}&offset={len(found)}")
            found += page[key]
            if len(found) >= page["total_entries"]:
                return found

    def _ask(
        self, method: str, path: str, body: Any = None, *, accept: tuple[int, ...] = ()
    ) -> dict[str, Any]:
        """Send a request; a server that restarts is given half a minute."""
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
            raise StackError(f"{method} {path} was answered with {answer.status_code}: {answer.text[:500]}")

    def _send(self, method: str, path: str, body: Any) -> requests.Response:
        if not self._token:
            credentials = {"username": USER, "password": self.password}
            answer = requests.post(f"{self.url}/auth/token", json=credentials, timeout=30)
            answer.raise_for_status()
            self._token = answer.json()["access_token"]
        headers = {"Authorization": f"Bearer {self._token}"}
        return requests.request(method, f"{self.url}/api/v2/{path}", json=body, headers=headers, timeout=30)
