"""Conversations that change after their day: what is new, what was touched, and the last week made right.

A conversation belongs to the day on which it was created, and may still grow, be rated or be resolved on a
later one. Three tasks every day:

* ``export_created``: yesterday's new conversations, as ``ada_daily`` does.
* ``export_updated``: all that was touched yesterday, whenever it was created, into a dataset of its own.
  Whoever wants the newest state of a conversation takes its last line there.
* ``export_last_days``: the seven days before yesterday once more. A day is rewritten only if its records
  changed, and only then is an asset event sent; a run that changes nothing ends as skipped.

Needs the connection ``ada_default`` and the pool ``convexport_ada``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset
from airflow.timetables.interval import CronDataIntervalTimetable  # in airflow.sdk as well since Airflow 3.2

from airflow_provider_convexport.operators.ada import AdaExportOperator

# Rendered when a task runs: reading a variable at the top of the file would query it at every parse.
ROOT = '{{ var.value.get("convexport_root", "file:///tmp/convexport") }}/ada_late_edits'
LAST_DAYS = 7

with DAG(
    dag_id="ada_late_edits",
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=True,
    # A re-export reaches over days that the runs before it export; one run at a time keeps them apart.
    max_active_runs=1,
    default_args={
        "retries": 5,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(hours=1),
        "pool": "convexport_ada",
    },
    tags=["convexport", "ada"],
) as dag:
    created = AdaExportOperator(
        task_id="export_created",
        destination=f"{ROOT}/conversations",
        outlets=[Asset("ada_conversations_created")],
    )
    updated = AdaExportOperator(
        task_id="export_updated",
        window_on="updated",
        destination=f"{ROOT}/conversations_updated",
        outlets=[Asset("ada_conversations_updated")],
    )
    last_days = AdaExportOperator(
        task_id="export_last_days",
        destination=f"{ROOT}/conversations",
        # Templates that every kind of run with a data interval has; see "Which interval" in the README.
        interval_start=f"{{{{ data_interval_start.subtract(days={LAST_DAYS}).isoformat() }}}}",
        interval_end="{{ data_interval_start.isoformat() }}",
        skip_unchanged=True,
        outlets=[Asset("ada_conversations_edited")],
    )
    # The same folder: one after the other.
    created >> last_days
