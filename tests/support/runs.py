"""Runs of the engine over sample records, as far as a test needs them."""

from __future__ import annotations

from datetime import timedelta

from airflow_provider_convexport.export.fetch.usage import Usage
from airflow_provider_convexport.export.job import Job, TaskTry
from airflow_provider_convexport.export.publish.plan import Plan, commit_of, partition_plans
from airflow_provider_convexport.export.publish.publish import Publisher
from airflow_provider_convexport.export.stage.attempt import Attempt
from airflow_provider_convexport.export.stage.partitioner import Counts
from airflow_provider_convexport.export.stage.stager import Stager
from airflow_provider_convexport.export.window import Window
from tests.support.samples import APRIL_1, DAY, batch, days, query

START = APRIL_1.timestamp()
DAY_1, DAY_2 = "dt=2026-04-01", "dt=2026-04-02"
TASK = TaskTry("dag", "task", "manual__1", 3, 2)


class Run:
    """One attempt of a run over two days, up to its plan."""

    def __init__(self, store, *records, task=TASK, drops=None, target=100, requested_at=START, **changes):
        self.job = self.job_of(task, **changes)
        self.grid = self.job.grid()
        self.attempt = Attempt.begin(store, task=self.job.task_key, fingerprint=self.job.fingerprint)
        stager = Stager(self.attempt)
        for identity, moment in records:
            stager.add([batch((identity, moment), partition=self.grid.index_of(moment))])
            stager.flush()
        folders = [self.grid.folder_of(index) for index in range(self.grid.count)]
        plans = partition_plans(stager.segments, drops or {}, folders=folders, target_file_bytes=target)
        commit = commit_of(plans, seed=self.attempt.name)
        self.plan = Plan(
            saved_at=START,
            requested_at=requested_at,
            commit=commit,
            partitions=plans,
            counts=Counts(duplicates=1),
            usage=Usage(requests=5, pages=4, throttled_seconds=0.12345),
        )
        self.attempt.save_plan(self.plan, commit=commit)

    def job_of(self, task, **changes):
        return Job(query(), days(2), task=task, **changes)

    def publish(self, attempt=None):
        publisher = Publisher(self.job, self.grid, attempt or self.attempt, self.plan, lambda: START + 100.4)
        return [publisher.publish(self.plan.partitions[index]) for index in self.grid.published]


class Piece(Run):
    """A published run over any interval."""

    def __init__(self, store, interval, *records, scope=None, **changes):
        self._interval, self._scope = interval, scope or {}
        self._changes = changes
        # After the vendor has all records of it.
        requested_at = (interval.end + DAY).timestamp()
        super().__init__(store, *records, task=TaskTry("d", "t", str(interval)), requested_at=requested_at)
        self.publish()

    def job_of(self, task):
        return Job(query(scope=self._scope), self._interval, task=task, **self._changes)


def day(number: int, count: int = 1) -> Window:
    """Return days of April 2026, counted from 1."""
    return days(count, start=APRIL_1 + (number - 1) * DAY)


def at(number: int, hours: float = 12) -> float:
    """Return a moment of a day of April 2026 as epoch seconds."""
    return START + ((number - 1) * DAY + timedelta(hours=hours)).total_seconds()
