"""The commands that create the runs of a backfill, as plans and the coverage page print them."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Literal

from airflow_provider_convexport.export.window import iso

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_convexport.export.window import Window

Reprocess = Literal["failed", "completed"]


def backfill_command(
    dag_id: str, first: datetime, last: datetime, *, slots: int, reprocess: Reprocess | None = None
) -> str:
    """Return the command that creates the runs of a Dag between two data intervals.

    :param first: Start of the first run's data interval, UTC.
    :param last: Start of the last run's data interval, UTC, inclusive.
    :param slots: How many of the runs may run at the same time.
    :param reprocess: Which runs that are there already run again; ``None`` for none.
    """
    again = "" if reprocess is None else f" --reprocess-behavior {reprocess}"
    return (
        f"airflow backfill create --dag-id {shlex.quote(dag_id)} --from-date {iso(first)} "
        f"--to-date {iso(last)} --max-active-runs {slots}{again}"
    )


def trigger_command(dag_id: str, interval: Window) -> str:
    """Return the command that starts one run of a Dag for an interval, for a Dag without a schedule."""
    conf = json.dumps({"interval": [iso(interval.start), iso(interval.end)]})
    return f"airflow dags trigger {shlex.quote(dag_id)} --conf {shlex.quote(conf)}"
