"""Backfills long windows and sends one asset event per exported day, which starts daily consumers.

A Dag that is scheduled on this asset, such as ``ada_partitioned_reader`` in ``ada_partitioned.py``, gets one
run per day, although a single task exports up to 59 days.

Requirements:

* Airflow 3.3 or newer, for ``add_partitions``
* the connection ``ada_default``
* the pool ``convexport_ada``; Airflow does not schedule the tasks without it:
  ``airflow pools set convexport_ada 2 "Exports from Ada"``
* optional: the environment variable ``AIRFLOW_VAR_CONVEXPORT_ROOT``, the root URL of the exports
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset

from airflow_provider_convexport.manual_runs import interval_params
from airflow_provider_convexport.operators.ada import AdaExportOperator
from airflow_provider_convexport.timetables.export_window import ExportWindowTimetable

# Read from the environment, because the URI of an asset must be known when the file is parsed, and
# ``Variable.get`` would query the database at every parse.
ROOT = os.environ.get("AIRFLOW_VAR_CONVEXPORT_ROOT", "file:///tmp/convexport") + "/ada_partitioned"

windows = ExportWindowTimetable.for_vendor("ada")

with DAG(
    dag_id="ada_backfill_events",
    description="Backfills Ada's conversations and sends one asset event per day.",
    doc_md=__doc__,
    params=interval_params(),
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
        # Ada keeps twelve months. "clip" exports what is left of an older interval, and skips the task if
        # nothing is left. With the default, "fail", the runs since start_date would fail a year later.
        "on_expired": "clip",
    },
    tags=["convexport", "ada"],
) as dag:
    AdaExportOperator(
        task_id="export_conversations",
        destination=f"{ROOT}/conversations",
        # Partitions that already hold the same records are not rewritten, and send no event.
        skip_unchanged=True,
        add_partitions=True,
        outlets=[
            Asset(
                "ada_conversations_by_day",
                uri=f"{ROOT}/conversations",
                extra={"vendor": "ada", "stream": "conversations"},
            )
        ],
    )
