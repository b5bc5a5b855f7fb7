"""Keeps up with conversations of Applied Labs that go on after the day on which they were created.

The messages of Applied Labs exist only inside their conversation, and the vendor has no filter for edits. A
daily export by creation time therefore ends every thread with what had been written when its day was
exported; replies of the following days, which are common in e-mail threads, would be missing. Three tasks run
every day:

* ``export_created`` exports the conversations that were created yesterday, as ``applied_labs_daily`` does.
* ``export_active`` exports the conversations whose last message is from yesterday, whenever they were
  created, with all their messages, into a dataset of their own. The last line of an id in that dataset is its
  newest version.
* ``export_last_days`` exports the seven days before yesterday again. It rewrites only partitions whose
  records have changed, and sends an asset event only then. If nothing has changed, the task ends as skipped.
  It also catches changes without a message, such as a resolution or a rating.

Requirements:

* the connection ``applied_labs_default``, with the extra ``shop_id``
* the pool ``convexport_applied_labs``; Airflow does not schedule the tasks without it:
  ``airflow pools set convexport_applied_labs 1 "Exports from Applied Labs"``
* optional: the environment variable ``AIRFLOW_VAR_CONVEXPORT_ROOT``, the root URL of the exports
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset
from airflow.timetables.interval import CronDataIntervalTimetable  # in airflow.sdk as well since Airflow 3.2

from airflow_provider_convexport.operators.applied_labs import AppliedLabsExportOperator

# Read from the environment, because the URI of an asset must be known when the file is parsed, and
# ``Variable.get`` would query the database at every parse.
ROOT = os.environ.get("AIRFLOW_VAR_CONVEXPORT_ROOT", "file:///tmp/convexport") + "/applied_labs_late_edits"
LAST_DAYS = 7

# Two tasks write to this dataset, so both name the same asset.
conversations = Asset("applied_labs_late_edits_conversations", uri=f"{ROOT}/conversations")
active = Asset("applied_labs_late_edits_active", uri=f"{ROOT}/conversations_active")

with DAG(
    dag_id="applied_labs_late_edits",
    doc_md=__doc__,
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=True,
    # Each run exports days again that earlier runs exported, so runs must not overlap. They must also run in
    # time: a conversation that is written to again leaves the day on which export_active would have found it.
    max_active_runs=1,
    default_args={
        "retries": 5,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(hours=1),
        "pool": "convexport_applied_labs",
    },
    tags=["convexport", "applied_labs"],
) as dag:
    created = AppliedLabsExportOperator(
        task_id="export_created",
        destination=f"{ROOT}/conversations",
        outlets=[conversations],
    )
    AppliedLabsExportOperator(
        task_id="export_active",
        window_on="last_message_at",
        destination=f"{ROOT}/conversations_active",
        outlets=[active],
    )
    last_days = AppliedLabsExportOperator(
        task_id="export_last_days",
        destination=f"{ROOT}/conversations",
        # Every run with a data interval has these template variables; see "Which interval" in the README.
        interval_start=f"{{{{ data_interval_start.subtract(days={LAST_DAYS}).isoformat() }}}}",
        interval_end="{{ data_interval_start.isoformat() }}",
        skip_unchanged=True,
        outlets=[conversations],
    )
    # Both tasks write to the same folder, so they must not run concurrently.
    created >> last_days
