"""Exports the conversations and messages of several AgentX Support bots every day, and keeps up with changes.

A conversation belongs to the partition of the day on which it began, and changes on later days, for example
its tags. For each stream, two tasks run every day:

* ``export_conversations`` and ``export_messages`` export yesterday's records.
* ``export_last_conversations`` and ``export_last_messages`` export the seven days before yesterday again,
  because AgentX has no filter for changes. They rewrite only partitions whose records have changed, and send
  an asset event only then. If nothing has changed, the task ends as skipped.

Requirements:

* the connection ``agentx_default``
* the pool ``convexport_agentx``; Airflow does not schedule the tasks without it:
  ``airflow pools set convexport_agentx 2 "Exports from AgentX Support"``
* optional: the environment variable ``AIRFLOW_VAR_CONVEXPORT_ROOT``, the root URL of the exports
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset
from airflow.timetables.interval import CronDataIntervalTimetable  # in airflow.sdk as well since Airflow 3.2

from airflow_provider_convexport.manual_runs import interval_params
from airflow_provider_convexport.operators.agentx import AgentXExportOperator

# One mapped task per bot, so that a failing bot does not affect the exports of the others.
BOTS = ["support-bot", "sales-bot"]

# Read from the environment, because the URI of an asset must be known when the file is parsed, and
# ``Variable.get`` would query the database at every parse.
ROOT = os.environ.get("AIRFLOW_VAR_CONVEXPORT_ROOT", "file:///tmp/convexport") + "/agentx"
LAST_DAYS = 7

with DAG(
    dag_id="agentx_daily",
    description="Exports AgentX Support's conversations and messages every day, with their changes.",
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
        "pool": "convexport_agentx",
    },
    tags=["convexport", "agentx"],
) as dag:
    for stream in ("conversations", "messages"):
        # Two tasks write to this dataset, so both name the same asset. The bots share it; each has its own
        # folder bot_name=.../ there.
        asset = Asset(
            f"agentx_{stream}", uri=f"{ROOT}/{stream}", extra={"vendor": "agentx", "stream": stream}
        )
        yesterday = AgentXExportOperator.partial(
            task_id=f"export_{stream}",
            stream=stream,
            destination=f"{ROOT}/{stream}",
            skip_unchanged=True,
            outlets=[asset],
            map_index_template="{{ task.bot_name }}",
        ).expand(bot_name=BOTS)
        last_days = AgentXExportOperator.partial(
            task_id=f"export_last_{stream}",
            stream=stream,
            destination=f"{ROOT}/{stream}",
            # The days before the interval of the run.
            lookback=timedelta(days=LAST_DAYS),
            skip_unchanged=True,
            # The first task ends as skipped if it is run again and nothing has changed.
            trigger_rule="none_failed",
            outlets=[asset],
            map_index_template="{{ task.bot_name }}",
        ).expand(bot_name=BOTS)
        # Both tasks write to the same folder, so they must not run concurrently.
        yesterday >> last_days
