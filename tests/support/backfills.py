"""Backfill plans at a fixed moment, and published datasets that they find."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow_provider_convexport.cli.backfill_plan import BackfillPlan, plan_backfill
from airflow_provider_convexport.export.dataset.store import Store
from airflow_provider_convexport.export.fetch.stream import Query
from airflow_provider_convexport.export.job import Job
from airflow_provider_convexport.export.window import Window
from airflow_provider_convexport.hooks.ada import AdaHook
from tests.support.runs import Piece

NOW = datetime(2026, 11, 21, 7, 30, tzinfo=UTC)


def utc_moment(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def plan(
    vendor: str = "ada", start: datetime | None = None, end: datetime | None = None, **arguments: Any
) -> BackfillPlan:
    """Return the plan of a backfill, of the first quarter of 2026 unless a range is given."""
    return plan_backfill(
        vendor,
        start=start or utc_moment(2026, 1, 1),
        end=end or utc_moment(2026, 4, 1),
        **{"now": NOW, **arguments},
    )


def publish(
    store: Store, start: datetime, end: datetime, *, stream: str = "conversations", **job: Any
) -> None:
    """Put manifests of an export of Ada's into a store; it has no records.

    :param job: Further arguments of the `Job`, such as ``partition_by``.
    """

    class AdaRun(Piece):
        def job_of(self, task):
            return Job(Query(AdaHook.streams[stream]), Window(start, end), task=task, **job)

    AdaRun(store, Window(start, end))
