"""Every day, yesterday's conversations and messages of one Ada instance.

Needs the connection ``ada_default`` and the pool ``convexport_ada``:
``airflow pools set convexport_ada 2 "Exports from Ada"``. Without the pool the tasks are never scheduled.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset
from airflow.timetables.interval import CronDataIntervalTimetable  # in airflow.sdk as well since Airflow 3.2

from airflow_provider_convexport.operators.ada import AdaExportOperator

# Rendered when a task runs: reading a variable at the top of the file would query it at every parse.
ROOT = '{{ var.value.get("convexport_root", "file:///tmp/convexport") }}/ada'

with DAG(
    dag_id="ada_daily",
    # A plain "@daily" gives Airflow 3's runs an interval without width.
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    # The first day to export; Ada answers for the last twelve months.
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    # No holes: the days since start_date, and those of a pause, are exported too.
    catchup=True,
    max_active_runs=2,
    default_args={
        "retries": 5,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(hours=1),
        # Runs of a backfill are not counted by max_active_runs; the pool is the limit for both.
        "pool": "convexport_ada",
    },
    tags=["convexport", "ada"],
) as dag:
    AdaExportOperator(
        task_id="export_conversations",
        destination=f"{ROOT}/conversations",
        outlets=[Asset("ada_conversations")],
    )
    AdaExportOperator(
        task_id="export_messages",
        stream="messages",
        destination=f"{ROOT}/messages",
        outlets=[Asset("ada_messages")],
    )
