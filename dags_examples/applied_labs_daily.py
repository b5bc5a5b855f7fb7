"""Exports the conversations of one Applied Labs shop, with their messages, every day, and keeps up with them.

The messages of Applied Labs exist only inside their conversation, and the vendor has no filter for edits. A
daily export by creation time therefore ends every thread with what had been written when its day was
exported; replies of the following days, which are common in e-mail threads, would be missing. Three tasks run
every day:

* ``export_conversations`` exports the conversations that were created yesterday.
* ``export_active`` exports the conversations whose last message is from yesterday, whenever they were
  created, with all their messages, into a dataset of their own. The last line of an id in that dataset is its
  newest version.
* ``export_last_days`` exports the seven days before yesterday again. It rewrites only partitions whose
  records have changed, and sends an asset event only then. If nothing has changed, the task ends as skipped.
  It also catches changes without a message, such as a resolution or a rating.

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
from airflow.timetables.interval import CronDataIntervalTimetable  # in airflow.sdk as well since Airflow 3.2

from airflow_provider_convexport.manual_runs import interval_params
from airflow_provider_convexport.operators.applied_labs import AppliedLabsExportOperator

# Read from the environment, because the URI of an asset must be known when the file is parsed, and
# ``Variable.get`` would query the database at every parse.
ROOT = os.environ.get("AIRFLOW_VAR_CONVEXPORT_ROOT", "file:///tmp/convexport") + "/applied_labs"
LAST_DAYS = 7

# Two tasks write to this dataset, so both name the same asset.
conversations = Asset(
    "applied_labs_conversations",
    uri=f"{ROOT}/conversations",
    extra={"vendor": "applied_labs", "stream": "conversations"},
)
active = Asset(
    "applied_labs_conversations_active",
    uri=f"{ROOT}/conversations_active",
    extra={"vendor": "applied_labs", "stream": "conversations"},
)

with DAG(
    dag_id="applied_labs_daily",
    description="Exports Applied Labs' conversations every day, with their changes.",
    doc_md=__doc__,
    params=interval_params(),
    # A plain "@daily" gives the runs of Airflow 3 a data interval of zero width.
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    # The first day to export.
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    # Export every day since start_date, including the days on which the Dag was paused.
    catchup=True,
    # Each run exports days again that earlier runs exported, so runs must not overlap. They must also run in
    # time: a conversation that is written to again leaves the day on which export_active would have found it.
    max_active_runs=1,
    default_args={
        "retries": 5,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(hours=1),
        # max_active_runs does not limit the runs of a backfill. The pool limits both. It has one
        # slot, because the vendor advises one export worker per shop.
        "pool": "convexport_applied_labs",
    },
    tags=["convexport", "applied_labs"],
) as dag:
    created = AppliedLabsExportOperator(
        task_id="export_conversations",
        destination=f"{ROOT}/conversations",
        skip_unchanged=True,
        outlets=[conversations],
    )
    AppliedLabsExportOperator(
        task_id="export_active",
        window_on="last_message_at",
        destination=f"{ROOT}/conversations_active",
        skip_unchanged=True,
        outlets=[active],
    )
    last_days = AppliedLabsExportOperator(
        task_id="export_last_days",
        destination=f"{ROOT}/conversations",
        # The days before the interval of the run.
        lookback=timedelta(days=LAST_DAYS),
        skip_unchanged=True,
        # export_conversations ends as skipped if it is run again and nothing has changed.
        trigger_rule="none_failed",
        outlets=[conversations],
    )
    # Both tasks write to the same folder, so they must not run concurrently.
    created >> last_days
