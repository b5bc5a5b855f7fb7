"""Exports one day per partitioned run, and starts the consumers of exactly that day.

The Dag ``ada_partitioned`` exports; the Dag ``ada_partitioned_reader`` runs once for each exported day.

Requirements:

* Airflow 3.2 or newer, for ``CronPartitionTimetable``
* the connection ``ada_default``
* the pool ``convexport_ada``; Airflow does not schedule the tasks without it:
  ``airflow pools set convexport_ada 2 "Exports from Ada"``
* optional: the environment variable ``AIRFLOW_VAR_CONVEXPORT_ROOT``, the root URL of the exports
"""

from __future__ import annotations

import os
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

from airflow_provider_convexport.manual_runs import interval_params
from airflow_provider_convexport.operators.ada import AdaExportOperator
from airflow_provider_convexport.sensors.partition import ExportPartitionSensor

# Read from the environment, because the URI of an asset must be known when the file is parsed, and
# ``Variable.get`` would query the database at every parse.
ROOT = os.environ.get("AIRFLOW_VAR_CONVEXPORT_ROOT", "file:///tmp/convexport") + "/ada_partitioned"
DAY = timedelta(days=1)
KEY = "%Y-%m-%d"

conversations = Asset(
    "ada_conversations_by_day",
    uri=f"{ROOT}/conversations",
    extra={"vendor": "ada", "stream": "conversations"},
)

with DAG(
    dag_id="ada_partitioned",
    description="Exports one day of Ada's conversations per partitioned run.",
    doc_md=__doc__,
    params=interval_params(),
    # run_offset=-1: a run at midnight names the day that has ended, not the day that begins. Keep the cron
    # expression at midnight, so that manual runs and backfills name the same partitions.
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
        # Ada keeps twelve months. "clip" exports what is left of an older interval, and skips the task if
        # nothing is left. With the default, "fail", the runs since start_date would fail a year later.
        "on_expired": "clip",
    },
    tags=["convexport", "ada"],
) as dag:
    AdaExportOperator(
        task_id="export_conversations",
        destination=f"{ROOT}/conversations",
        # A partition key names only the start of the interval; this is its length.
        period=DAY,
        # The Dag ada_backfill_events writes to the same folder; a day with the same records is not rewritten.
        skip_unchanged=True,
        # Airflow adds the run's partition key to the asset event.
        outlets=[conversations],
    )

with DAG(
    dag_id="ada_partitioned_reader",
    description="Runs once for each exported day of Ada's conversations.",
    doc_md=__doc__,
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
        """Return the number of conversations of the day."""
        return int(facts["records"])

    count(published.output)
