"""Every hour, the last settled hour of one Ada instance's conversations and messages.

The partitions are hours, ``dt=2026-04-01/hour=05/``, so they have a destination of their own. Each run waits,
without a worker's slot, until Ada's lag of two hours has passed.

Needs the connection ``ada_default`` and the pool ``convexport_ada``:
``airflow pools set convexport_ada 2 "Exports from Ada"``. Without the pool the tasks are never scheduled.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable  # in airflow.sdk as well since Airflow 3.2

from airflow_provider_convexport.operators.ada import AdaExportOperator

# Rendered when a task runs: reading a variable at the top of the file would query it at every parse.
ROOT = '{{ var.value.get("convexport_root", "file:///tmp/convexport") }}/ada_hourly'

with DAG(
    dag_id="ada_hourly",
    schedule=CronDataIntervalTimetable("@hourly", timezone="UTC"),
    start_date=datetime(2026, 11, 1, tzinfo=UTC),
    # No holes: the hours since start_date, and those of a pause, are exported too.
    catchup=True,
    # Runs wait for their hour to settle; with fewer of them the next hours would wait for that, too.
    max_active_runs=4,
    default_args={
        "retries": 5,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(hours=1),
        "pool": "convexport_ada",
    },
    tags=["convexport", "ada"],
) as dag:
    for stream in ("conversations", "messages"):
        AdaExportOperator(
            task_id=f"export_{stream}",
            stream=stream,
            destination=f"{ROOT}/{stream}",
            partition_by="hour",
        )
