"""Exports yesterday's conversations of one Applied Labs shop, with their messages, every day.

Messages exist only inside their conversation, which is exported once, minutes after its day. Replies on the
following days are not in the export; ``applied_labs_late_edits`` keeps up with them.

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

from airflow_provider_convexport.operators.applied_labs import AppliedLabsExportOperator

# Read from the environment, because the URI of an asset must be known when the file is parsed, and
# ``Variable.get`` would query the database at every parse.
ROOT = os.environ.get("AIRFLOW_VAR_CONVEXPORT_ROOT", "file:///tmp/convexport") + "/applied_labs"

with DAG(
    dag_id="applied_labs_daily",
    doc_md=__doc__,
    # A plain "@daily" gives the runs of Airflow 3 a data interval of zero width.
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    # The first day to export.
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    # Export every day since start_date, including the days on which the Dag was paused.
    catchup=True,
    max_active_runs=2,
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
    AppliedLabsExportOperator(
        task_id="export_conversations",
        destination=f"{ROOT}/conversations",
        outlets=[Asset("applied_labs_conversations", uri=f"{ROOT}/conversations")],
    )
