"""Processes that publish versions of two days side by side, and may freeze before they write a manifest."""

from __future__ import annotations

import functools
import os
import signal
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.destination import store_at
from airflow_provider_convexport.errors import SupersededError
from airflow_provider_convexport.export.dataset.manifest import MANIFEST
from airflow_provider_convexport.export.dataset.store import Store
from airflow_provider_convexport.export.job import TaskTry
from airflow_provider_convexport.export.publish.publish import Publisher
from tests.stores.attempts import PROCESSES
from tests.support.processes import SECONDS
from tests.support.runs import START, Run

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


@dataclass(frozen=True)
class Version:
    """What one run publishes: two records of each of two days, which name the version.

    :param name: Name of the version.
    :param requested_at: When its records were requested, in seconds after `START`.
    :param run_id: The Airflow run.
    :param order: Order of the try.
    :param freezes: Whether the process stops itself between its last look at a manifest and its write.
    :param changes: Arguments of the job that differ.
    """

    name: str
    requested_at: float
    run_id: str
    order: int = 1
    freezes: bool = False
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def ids(self) -> list[str]:
        """The records' ids of each day."""
        return [f"{self.name}-{number}" for number in range(2)]

    def publish(self, url: str) -> str:
        """Publish the version; return ``"published"`` or ``"superseded"``."""
        day = 86_400
        records = [(each, START + number * day) for number in range(2) for each in self.ids]
        task = TaskTry("dag", "task", self.run_id, order=self.order)
        try:
            store = _store(url)
            run = Run(store, *records, task=task, requested_at=START + self.requested_at, **self.changes)
            try:
                Publisher(run.job, run.grid, run.attempt.probed(), run.plan, time.time).publish_all()
                run.attempt.finish()
            except FileNotFoundError:
                run.attempt.discard()  # says so if a newer attempt that has finished removed it
                raise
        except SupersededError:
            return "superseded"
        return "published"


@dataclass
class Racer:
    """A process that publishes one version after the other; a context manager.

    :param environment: The connections.
    """

    environment: dict[str, str]

    def __enter__(self) -> Racer:
        self._pipe, other = PROCESSES.Pipe()
        self.process = PROCESSES.Process(target=_work, args=(other, self.environment))
        self.process.start()
        other.close()
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.kill()
        self.process.join()
        self._pipe.close()

    def start(self, url: str, version: Version) -> None:
        """Let it publish a version."""
        self._pipe.send((url, version))

    def result(self) -> str:
        """Wait until it has published the version, and return what `Version.publish` returned."""
        if not self._pipe.poll(SECONDS):
            raise TimeoutError(f"A version was not published within {SECONDS} s.")
        return str(self._pipe.recv())

    def wake(self) -> None:
        """Let a frozen process go on."""
        os.kill(self.process.pid or 0, signal.SIGCONT)


def _store(url: str) -> Store:
    """Return the store of a dataset; those in one folder share a file system, which takes time to open."""
    folder, _, name = url.rpartition("/")
    store = _opened(folder)
    return replace(store, root=f"{store.root}/{name}", url=url)


_opened = functools.cache(store_at)


def _work(pipe: Connection, environment: dict[str, str]) -> None:
    os.environ.update(environment)
    write = Store.replace
    version: Version | None = None

    def freeze_first(store: Store, name: str, content: bytes, seen: str | None) -> bool:
        nonlocal version
        if version is not None and version.freezes and name.endswith(MANIFEST):
            version = None  # it freezes once
            os.kill(os.getpid(), signal.SIGSTOP)
        return write(store, name, content, seen)

    Store.replace = freeze_first  # type: ignore[method-assign]
    while True:
        try:
            url, asked = pipe.recv()
        except EOFError:
            return
        version = asked
        pipe.send(asked.publish(url))
