"""Partitioned runs: each run names the day that it exports, and wakes the consumers of that very day.

Needs Airflow 3.2 or newer for ``CronPartitionTimetable``, the connection ``ada_default`` and the pool
``convexport_ada``. Two Dags: ``ada_partitioned`` exports, ``ada_partitioned_reader`` runs once for each day.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import (
    DAG,
    Asset,
    CronPartitionTimetable,
    PartitionedAssetTimetable,
    StartOfDayMapper,
    task,
)

from airflow_provider_convexport.operators.ada import AdaExportOperator
from airflow_provider_convexport.sensors.partition import ExportPartitionSensor

# Rendered when a task runs: reading a variable at the top of the file would query it at every parse.
ROOT = '{{ var.value.get("convexport_root", "file:///tmp/convexport") }}/ada_partitioned'
DAY = timedelta(days=1)
KEY = "%Y-%m-%d"

conversations = Asset("ada_conversations_by_day")

with DAG(
    dag_id="ada_partitioned",
    # Without run_offset=-1 a run at midnight would name the day that begins, not the one that has ended. The
    # cron stays at midnight, so that runs by hand and backfills mean the same partitions.
    schedule=CronPartitionTimetable("0 0 * * *", timezone="UTC", run_offset=-1, key_format=KEY),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=True,
    max_active_runs=2,
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
        # A partition has a start and no length; this is the length.
        period=DAY,
        # The run's partition key goes to this asset's event by itself.
        outlets=[conversations],
    )

with DAG(
    dag_id="ada_partitioned_reader",
    schedule=PartitionedAssetTimetable(
        assets=conversations, default_partition_mapper=StartOfDayMapper(input_format=KEY)
    ),
    tags=["convexport", "ada"],
) as reader:
    published = ExportPartitionSensor(
        task_id="published", destination=f"{ROOT}/conversations", period=DAY, timeout=60
    )

    @task
    def count(facts: dict[str, Any]) -> int:
        """Return how many conversations the day has."""
        return int(facts["records"])

    count(published.output)
