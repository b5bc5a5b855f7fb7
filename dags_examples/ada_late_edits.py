"""Keeps up with conversations that change after the day on which they were created.

A conversation belongs to the partition of the day on which it was created. On later days it may still receive
messages, ratings or a resolution. ``ada_daily`` exports the new versions into a dataset of their own; this
Dag also corrects the partitions of the last days, and so removes what the vendor has deleted. Three tasks run
every day:

* ``export_created`` exports the conversations that were created yesterday.
* ``export_updated`` exports the conversations that were updated yesterday, whenever they were created, into a
  dataset of their own. The last line of an id in that dataset is its newest version.
* ``export_last_days`` exports the seven days before yesterday again. It rewrites only partitions whose
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
ROOT = os.environ.get("AIRFLOW_VAR_CONVEXPORT_ROOT", "file:///tmp/convexport") + "/ada_late_edits"
LAST_DAYS = 7

# Two tasks write to this dataset, so both name the same asset.
conversations = Asset(
    "ada_late_edits_conversations",
    uri=f"{ROOT}/conversations",
    extra={"vendor": "ada", "stream": "conversations"},
)
updates = Asset(
    "ada_late_edits_updated",
    uri=f"{ROOT}/conversations_updated",
    extra={"vendor": "ada", "stream": "conversations"},
)

with DAG(
    dag_id="ada_late_edits",
    description="Exports Ada's conversations every day and corrects the last seven days.",
    doc_md=__doc__,
    params=interval_params(),
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=True,
    # Each run exports days again that earlier runs exported, so runs must not overlap.
    max_active_runs=1,
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
    created = AdaExportOperator(
        task_id="export_created",
        destination=f"{ROOT}/conversations",
        skip_unchanged=True,
        outlets=[conversations],
    )
    updated = AdaExportOperator(
        task_id="export_updated",
        window_on="updated",
        destination=f"{ROOT}/conversations_updated",
        outlets=[updates],
    )
    last_days = AdaExportOperator(
        task_id="export_last_days",
        destination=f"{ROOT}/conversations",
        # The days before the interval of the run.
        lookback=timedelta(days=LAST_DAYS),
        skip_unchanged=True,
        # export_created ends as skipped if it is run again and nothing has changed.
        trigger_rule="none_failed",
        outlets=[conversations],
    )
    # Both tasks write to the same folder, so they must not run concurrently.
    created >> last_days
