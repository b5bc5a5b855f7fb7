"""Every day, yesterday's conversations of one Applied Labs shop, with their messages.

Needs the connection ``applied_labs_default`` (with the extra ``shop_id``) and the pool
``convexport_applied_labs``: ``airflow pools set convexport_applied_labs 1 "Exports from Applied Labs"``.
Without the pool the task is never scheduled.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset
from airflow.timetables.interval import CronDataIntervalTimetable  # in airflow.sdk as well since Airflow 3.2

from airflow_provider_convexport.operators.applied_labs import AppliedLabsExportOperator

# Rendered when a task runs: reading a variable at the top of the file would query it at every parse.
ROOT = '{{ var.value.get("convexport_root", "file:///tmp/convexport") }}/applied_labs'

with DAG(
    dag_id="applied_labs_daily",
    # A plain "@daily" gives Airflow 3's runs an interval without width.
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    # The first day to export.
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    # No holes: the days since start_date, and those of a pause, are exported too.
    catchup=True,
    max_active_runs=2,
    default_args={
        "retries": 5,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(hours=1),
        # Runs of a backfill are not counted by max_active_runs; the pool is the limit for both. One slot,
        # because the vendor advises one export worker per shop.
        "pool": "convexport_applied_labs",
    },
    tags=["convexport", "applied_labs"],
) as dag:
    AppliedLabsExportOperator(
        task_id="export_conversations",
        destination=f"{ROOT}/conversations",
        outlets=[Asset("applied_labs_conversations")],
    )
