"""Backfills the history of Ada with runs over the longest windows that the vendor accepts.

It writes the same partitions to the same folders as ``ada_daily``, with far fewer requests, and with the
same asset events. A day that is already there with the same records is left as it is.
``airflow convexport plan --dag-id ada_windows ...`` prints the backfill command and its cost.

The Dag starts paused. Unpause it for ``airflow backfill create``, because Airflow starts no run of a paused
Dag. The scheduler then also runs the last complete window.

Requirements:

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
ROOT = os.environ.get("AIRFLOW_VAR_CONVEXPORT_ROOT", "file:///tmp/convexport") + "/ada"

windows = ExportWindowTimetable.for_vendor("ada")

with DAG(
    dag_id="ada_windows",
    description="Backfills Ada's conversations and messages in windows of up to 59 days.",
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
        "pool": "convexport_ada",
        # Ada keeps twelve months. "clip" exports what is left of an older interval, and skips the task if
        # nothing is left. With the default, "fail", the runs since start_date would fail a year later.
        "on_expired": "clip",
    },
    tags=["convexport", "ada"],
) as dag:
    AdaExportOperator(
        task_id="export_conversations",
        stream="conversations",
        destination=f"{ROOT}/conversations",
        # Days that the daily Dag has published and that have not changed are not rewritten.
        skip_unchanged=True,
        outlets=[
            Asset(
                "ada_conversations",
                uri=f"{ROOT}/conversations",
                extra={"vendor": "ada", "stream": "conversations"},
            )
        ],
    )
    AdaExportOperator(
        task_id="export_messages",
        stream="messages",
        destination=f"{ROOT}/messages",
        # Days that the daily Dag has published and that have not changed are not rewritten.
        skip_unchanged=True,
        outlets=[
            Asset("ada_messages", uri=f"{ROOT}/messages", extra={"vendor": "ada", "stream": "messages"})
        ],
    )
