"""Exports the conversations and messages of one Ada instance every hour.

The partitions are hours, ``dt=2026-04-01/hour=05/``, so they need a destination of their own. Each run waits
until Ada's settle time of two hours has passed, and does not occupy a worker slot meanwhile.

Requirements:

* the connection ``ada_default``
* the pool ``convexport_ada``; Airflow does not schedule the tasks without it:
  ``airflow pools set convexport_ada 2 "Exports from Ada"``
* optional: the environment variable ``AIRFLOW_VAR_CONVEXPORT_ROOT``, the root URL of the exports
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable  # in airflow.sdk as well since Airflow 3.2

from airflow_provider_convexport.manual_runs import interval_params
from airflow_provider_convexport.operators.ada import AdaExportOperator

# Read from the environment, because the URI of an asset must be known when the file is parsed, and
# ``Variable.get`` would query the database at every parse.
ROOT = os.environ.get("AIRFLOW_VAR_CONVEXPORT_ROOT", "file:///tmp/convexport") + "/ada_hourly"

with DAG(
    dag_id="ada_hourly",
    description="Exports Ada's conversations and messages every hour.",
    doc_md=__doc__,
    params=interval_params(last_whole="hour"),
    schedule=CronDataIntervalTimetable("@hourly", timezone="UTC"),
    start_date=datetime(2026, 11, 1, tzinfo=UTC),
    # Export every hour since start_date, including the hours in which the Dag was paused.
    catchup=True,
    # Three runs wait for their hour to settle at any time; a lower limit would delay the next hours.
    max_active_runs=4,
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
    for stream in ("conversations", "messages"):
        AdaExportOperator(
            task_id=f"export_{stream}",
            stream=stream,
            destination=f"{ROOT}/{stream}",
            partition_by="hour",
        )
