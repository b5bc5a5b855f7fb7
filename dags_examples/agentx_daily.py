"""Exports yesterday's conversations and messages of several AgentX Support bots every day.

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

from airflow_provider_convexport.operators.agentx import AgentXExportOperator

# One mapped task per bot, so that a failing bot does not affect the exports of the others.
BOTS = ["support-bot", "sales-bot"]

# Read from the environment, because the URI of an asset must be known when the file is parsed, and
# ``Variable.get`` would query the database at every parse.
ROOT = os.environ.get("AIRFLOW_VAR_CONVEXPORT_ROOT", "file:///tmp/convexport") + "/agentx"

with DAG(
    dag_id="agentx_daily",
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
        # max_active_runs does not limit the runs of a backfill. The pool limits both.
        "pool": "convexport_agentx",
    },
    tags=["convexport", "agentx"],
) as dag:
    # The bots share a destination; each has its own folder bot_name=.../ there.
    AgentXExportOperator.partial(
        task_id="export_conversations",
        destination=f"{ROOT}/conversations",
        outlets=[Asset("agentx_conversations", uri=f"{ROOT}/conversations")],
        map_index_template="{{ task.bot_name }}",
    ).expand(bot_name=BOTS)
    AgentXExportOperator.partial(
        task_id="export_messages",
        stream="messages",
        destination=f"{ROOT}/messages",
        outlets=[Asset("agentx_messages", uri=f"{ROOT}/messages")],
        map_index_template="{{ task.bot_name }}",
    ).expand(bot_name=BOTS)
