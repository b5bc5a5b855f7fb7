"""Exports the conversations and messages of one Ada instance every day, and keeps up with their changes.

A record belongs to the partition of the day on which it was created, and may change on later days. Four tasks
run every day:

* ``export_conversations`` exports the conversations that were created yesterday.
* ``export_updated`` exports the conversations that were updated yesterday, whenever they were created, into a
  dataset of their own. The last line of an id in that dataset is its newest version.
* ``export_messages`` exports the messages that were sent yesterday.
* ``export_last_messages`` exports the messages of the seven days before yesterday again, because they change,
  too (``link_was_clicked``, ``review``), and Ada has no filter for that. It rewrites only partitions whose
  records have changed, and sends an asset event only then. If nothing has changed, the task ends as skipped.

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
from airflow.timetables.interval import CronDataIntervalTimetable  # in airflow.sdk as well since Airflow 3.2

from airflow_provider_convexport.manual_runs import interval_params
from airflow_provider_convexport.operators.ada import AdaExportOperator

# Read from the environment, because the URI of an asset must be known when the file is parsed, and
# ``Variable.get`` would query the database at every parse.
ROOT = os.environ.get("AIRFLOW_VAR_CONVEXPORT_ROOT", "file:///tmp/convexport") + "/ada"
LAST_DAYS = 7

# Two tasks write to this dataset, so both name the same asset.
messages = Asset("ada_messages", uri=f"{ROOT}/messages", extra={"vendor": "ada", "stream": "messages"})

with DAG(
    dag_id="ada_daily",
    description="Exports Ada's conversations and messages every day, with their changes.",
    doc_md=__doc__,
    params=interval_params(),
    # A plain "@daily" gives the runs of Airflow 3 a data interval of zero width.
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    # The first day to export.
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    # Export every day since start_date, including the days on which the Dag was paused.
    catchup=True,
    # Each run exports days again that earlier runs exported, so runs must not overlap.
    max_active_runs=1,
    default_args={
        "retries": 5,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(hours=1),
        # max_active_runs does not limit the runs of a backfill. The pool limits both.
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
        outlets=[
            Asset(
                "ada_conversations",
                uri=f"{ROOT}/conversations",
                extra={"vendor": "ada", "stream": "conversations"},
            )
        ],
    )
    AdaExportOperator(
        task_id="export_updated",
        window_on="updated",
        destination=f"{ROOT}/conversations_updated",
        skip_unchanged=True,
        outlets=[
            Asset(
                "ada_conversations_updated",
                uri=f"{ROOT}/conversations_updated",
                extra={"vendor": "ada", "stream": "conversations"},
            )
        ],
    )
    yesterday = AdaExportOperator(
        task_id="export_messages",
        stream="messages",
        destination=f"{ROOT}/messages",
        skip_unchanged=True,
        outlets=[messages],
    )
    last_days = AdaExportOperator(
        task_id="export_last_messages",
        stream="messages",
        destination=f"{ROOT}/messages",
        # The days before the interval of the run.
        lookback=timedelta(days=LAST_DAYS),
        skip_unchanged=True,
        # export_messages ends as skipped if it is run again and nothing has changed.
        trigger_rule="none_failed",
        outlets=[messages],
    )
    # Both tasks write to the same folder, so they must not run concurrently.
    yesterday >> last_days
