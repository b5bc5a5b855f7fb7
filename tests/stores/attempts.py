"""Tries of a task in processes of their own, which can be stopped and killed at a chosen write.

They are forked from a server process that has imported everything and never used a file system: fsspec's
event loop does not survive a fork.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import signal
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow.sdk.execution_time.timeout import TimeoutPosix

from airflow_provider_convexport.destination import store_at
from airflow_provider_convexport.errors import SupersededError
from airflow_provider_convexport.export.dataset.store import Store
from airflow_provider_convexport.hooks.agentx import AgentXHook
from airflow_provider_convexport.operators.agentx import AgentXExportOperator
from tests.support.processes import QUICK_STAGING, SUPERSEDED

for _module in ("s3fs", "adlfs", "gcsfs", "airflow.providers.amazon.aws.fs.s3"):
    with contextlib.suppress(ImportError):
        importlib.import_module(_module)

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Moment:
    """A write at which a process gets a signal; before it, so that it does not happen.

    :param name: Part of the object's name.
    :param signal: Number of the signal.
    """

    name: str
    signal: int

    def arrange(self) -> None:
        for method in ("put", "put_file", "replace"):
            setattr(Store, method, self._around(getattr(Store, method)))

    def _around(self, original: Any) -> Any:
        def watched(store: Store, name: str, content: Any, *version: Any) -> Any:
            if self.name in name:
                os.kill(os.getpid(), self.signal)
            return original(store, name, content, *version)

        return watched


@dataclass(frozen=True)
class Attempt:
    """One try of the task ``export``: AgentX messages.

    :param destination: URL of the dataset.
    :param interval: Start and end.
    :param environment: The connections.
    :param moment: When it gets a signal.
    """

    destination: str
    interval: tuple[datetime, datetime]
    environment: dict[str, str] = field(default_factory=dict)
    moment: Moment | None = None

    def start(self) -> Any:
        process = PROCESSES.Process(target=self.run)
        process.start()
        return process

    def run(self) -> None:
        os.environ.update(self.environment)
        if self.moment is not None:
            self.moment.arrange()
        AgentXHook.limits = ()
        operator = self.operator()
        self.prepare(operator)
        start, end = self.interval
        context: Any = {"data_interval_start": start, "data_interval_end": end, "run_id": "scheduled__x"}
        try:
            operator.execute(context)
        except SupersededError:
            os._exit(SUPERSEDED)
        os._exit(0)

    def prepare(self, operator: AgentXExportOperator) -> None:
        """Do what comes before the execution."""

    def operator(self) -> AgentXExportOperator:
        """Return the task, which writes objects as often as it can."""
        operator = AgentXExportOperator(
            task_id="export",
            destination=self.destination,
            stream="messages",
            page_size=10,
            target_file_bytes=20_000,
        )
        # Sooner than a fast machine has fetched all pages.
        operator.tuning = replace(QUICK_STAGING, flush_seconds=0.005)
        return operator


class MannerlyAttempt(Attempt):
    """One try that takes signals as Airflow's task runner does, and ends as its process does.

    It stages each page at once, so that the number of its writes does not depend on the machine's speed.
    """

    def prepare(self, operator: AgentXExportOperator) -> None:
        """Take SIGTERM as the end of a task and SIGALRM as its timeout."""
        operator.tuning = replace(operator.tuning, flush_seconds=0.0)
        signal.signal(signal.SIGTERM, lambda number, frame: operator.on_kill())
        signal.signal(signal.SIGALRM, TimeoutPosix().handle_timeout)


def put(environment: dict[str, str], destination: str, name: str, content: bytes) -> None:
    """Write an object, as another worker would."""
    os.environ.update(environment)
    store_at(destination).put(name, content)


def put_file(environment: dict[str, str], destination: str, name: str, source: str) -> None:
    """Upload a file, as another worker would."""
    os.environ.update(environment)
    store_at(destination).put_file(name, Path(source))
