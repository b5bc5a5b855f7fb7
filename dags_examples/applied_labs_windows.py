"""Backfills the history of Applied Labs with runs over the longest windows that the vendor accepts.

It writes the same partitions to the same folders as ``applied_labs_daily``, with far fewer requests, and with
the same asset events. A day that is already there with the same records is left as it is.
``airflow convexport plan --dag-id applied_labs_windows ...`` prints the backfill command and its cost.

The Dag starts paused. Unpause it for ``airflow backfill create``, because Airflow starts no run of a paused
Dag. The scheduler then also runs the last complete window.

Requirements:

* the connection ``applied_labs_default`` with the extra ``shop_id``
* the pool ``convexport_applied_labs``; Airflow does not schedule the tasks without it:
  ``airflow pools set convexport_applied_labs 1 "Exports from Applied Labs"``
* optional: the environment variable ``AIRFLOW_VAR_CONVEXPORT_ROOT``, the root URL of the exports
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset

from airflow_provider_convexport.manual_runs import interval_params
from airflow_provider_convexport.operators.applied_labs import AppliedLabsExportOperator
from airflow_provider_convexport.timetables.export_window import ExportWindowTimetable

# Read from the environment, because the URI of an asset must be known when the file is parsed, and
# ``Variable.get`` would query the database at every parse.
ROOT = os.environ.get("AIRFLOW_VAR_CONVEXPORT_ROOT", "file:///tmp/convexport") + "/applied_labs"

windows = ExportWindowTimetable.for_vendor("applied_labs")

with DAG(
    dag_id="applied_labs_windows",
    description="Backfills Applied Labs' conversations in windows of up to 29 days.",
    doc_md=__doc__,
    params=interval_params(),
    schedule=windows,
    # A window boundary, so that every scheduled run gets its tasks. A backfill may begin earlier.
    start_date=windows.window_start(datetime(2026, 1, 1, tzinfo=UTC)),
    catchup=False,
    # Meant for backfills, so it starts paused, whatever the default of Airflow is.
    is_paused_upon_creation=True,
    default_args={
        "retries": 5,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(hours=1),
        # The runs of a backfill and those of the daily Dag share the vendor's rate limit.
        "pool": "convexport_applied_labs",
    },
    tags=["convexport", "applied_labs"],
) as dag:
    AppliedLabsExportOperator(
        task_id="export_conversations",
        stream="conversations",
        destination=f"{ROOT}/conversations",
        # Days that the daily Dag has published and that have not changed are not rewritten.
        skip_unchanged=True,
        outlets=[
            Asset(
                "applied_labs_conversations",
                uri=f"{ROOT}/conversations",
                extra={"vendor": "applied_labs", "stream": "conversations"},
            )
        ],
    )
