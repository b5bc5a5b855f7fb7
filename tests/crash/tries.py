"""Tries of tasks in processes of their own, which can be killed or stopped at a chosen moment."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsspec.implementations.local import LocalFileSystem

from airflow_provider_convexport.errors import IncompleteExportError, SupersededError
from airflow_provider_convexport.export.dataset.store import Store
from airflow_provider_convexport.export.job import DEFAULT_TARGET_FILE_BYTES, Job, TaskTry
from airflow_provider_convexport.export.run import Export
from airflow_provider_convexport.export.stage.tuning import Tuning
from airflow_provider_convexport.export.window import Window
from airflow_provider_convexport.hooks.agentx import AgentXHook
from tests.crash.moments import Moment, Moments
from tests.support.processes import QUICK_STAGING, SUPERSEDED, exit_code
from tests.support.published import is_as_said
from tests.support.samples import DAY
from tests.support.streams import MIDNIGHT

FORK = multiprocessing.get_context("fork")
START = MIDNIGHT - 20 * DAY
INTERVAL = Window(START, START + 3 * DAY)
INCOMPLETE = 4
"""Exit code of a try that missed a staged object, so that the next one exports from the beginning."""
KILLED = -signal.SIGKILL


class OwnProcess:
    """Mixin of tries: each runs in a process of its own."""

    def start(self) -> Any:
        """Start its process."""
        process = FORK.Process(target=self._run)
        process.start()
        return process

    def exit_code(self) -> int:
        """Run it to its end."""
        return exit_code(self.start())

    def _run(self) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class Try(OwnProcess):
    """One try of a task that exports AgentX messages.

    :param root: Folder of the dataset.
    :param interval: What it exports.
    :param run_id: Run of its task instance.
    :param moment: When it gets a signal.
    :param counts: Shared memory for the numbers of its moments, if they are to be counted.
    """

    root: Path
    interval: Window = INTERVAL
    run_id: str = "scheduled__x"
    page_size: int = 10
    target_file_bytes: int = DEFAULT_TARGET_FILE_BYTES
    skip_unchanged: bool = False
    tuning: Tuning = QUICK_STAGING
    moment: Moment | None = None
    counts: Any = None

    def _run(self) -> None:
        Moments(self.moment, self.counts).install()
        hook = AgentXHook()
        job = Job(
            query=hook.query(stream="messages", page_size=self.page_size),
            interval=self.interval,
            task=TaskTry(dag_id="dag", task_id="export", run_id=self.run_id),
            target_file_bytes=self.target_file_bytes,
            skip_unchanged=self.skip_unchanged,
            concurrency=2,
        )
        store = Store(LocalFileSystem(), str(self.root), f"file://{self.root}")
        try:
            Export(job, hook.client, store, tuning=self.tuning).run()
        except SupersededError:
            os._exit(SUPERSEDED)
        except IncompleteExportError:
            os._exit(INCOMPLETE)
        os._exit(0)


def wake(process: Any) -> None:
    """Let a stopped process go on, if it has not ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGCONT)


def read_until_ended(processes: Iterable[Any], root: Path) -> None:
    """Read everything that is published, again and again, until all processes have ended."""
    while any(process.is_alive() for process in processes):
        assert_whole(root)
        time.sleep(0.02)
    assert_whole(root)


def assert_whole(root: Path) -> None:
    """Each manifest names files that are there, as it says, even while others publish."""
    for path in root.glob("*/dt=*/_manifest.json"):
        text = path.read_text()
        for entry in json.loads(text)["files"]:
            try:
                content = (path.parent / entry["name"]).read_bytes()
            except FileNotFoundError:
                # A newer version may have come in between; then its manifest is there already.
                assert path.read_text() != text, f"{path} names {entry['name']}, which is not there"
                break
            assert is_as_said(entry, content)
