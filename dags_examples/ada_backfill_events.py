"""A backfill that wakes daily consumers: one asset event for each day that a long window exported.

Needs Airflow 3.3 or newer for ``add_partitions``, the connection ``ada_default`` and the pool
``convexport_ada``. A Dag scheduled on this asset, as ``ada_partitioned_reader`` in ``ada_partitioned.py`` is,
gets a run for every day, although one task exported 59 of them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset

from airflow_provider_convexport.operators.ada import AdaExportOperator
from airflow_provider_convexport.timetables.export_window import ExportWindowTimetable

# Rendered when a task runs: reading a variable at the top of the file would query it at every parse.
ROOT = '{{ var.value.get("convexport_root", "file:///tmp/convexport") }}/ada_partitioned'

windows = ExportWindowTimetable.for_vendor("ada")

with DAG(
    dag_id="ada_backfill_events",
    schedule=windows,
    start_date=windows.window_start(datetime(2026, 1, 1, tzinfo=UTC)),
    catchup=False,
    is_paused_upon_creation=True,
    default_args={
        "retries": 5,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(hours=1),
        "pool": "convexport_ada",
    },
    tags=["convexport", "ada"],
) as dag:
    AdaExportOperator(
        task_id="export_conversations",
        destination=f"{ROOT}/conversations",
        on_expired="clip",
        # Days that were published before, with the same records, are left alone and wake nobody.
        skip_unchanged=True,
        add_partitions=True,
        outlets=[Asset("ada_conversations_by_day")],
    )
