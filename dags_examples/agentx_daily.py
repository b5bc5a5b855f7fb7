"""Every day, yesterday's conversations and messages of several AgentX Support bots.

Needs the connection ``agentx_default`` and the pool ``convexport_agentx``:
``airflow pools set convexport_agentx 2 "Exports from AgentX"``. Without the pool the tasks are never
scheduled.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset
from airflow.timetables.interval import CronDataIntervalTimetable  # in airflow.sdk as well since Airflow 3.2

from airflow_provider_convexport.operators.agentx import AgentXExportOperator

# One mapped task each, so that one bot's failure leaves the others' exports alone.
BOTS = ["support-bot", "sales-bot"]

# Rendered when a task runs: reading a variable at the top of the file would query it at every parse.
ROOT = '{{ var.value.get("convexport_root", "file:///tmp/convexport") }}/agentx'

with DAG(
    dag_id="agentx_daily",
    # A plain "@daily" gives Airflow 3's runs an interval without width.
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    # The first day to export.
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    # No holes: the days since start_date, and those of a pause, are exported too.
    catchup=True,
    max_active_runs=2,
    default_args={
        "retries": 5,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(hours=1),
        # Runs of a backfill are not counted by max_active_runs; the pool is the limit for both.
        "pool": "convexport_agentx",
    },
    tags=["convexport", "agentx"],
) as dag:
    # The bots share a destination: each has its own bot_name=.../ below it.
    AgentXExportOperator.partial(
        task_id="export_conversations",
        destination=f"{ROOT}/conversations",
        outlets=[Asset("agentx_conversations")],
        map_index_template="{{ task.bot_name }}",
    ).expand(bot_name=BOTS)
    AgentXExportOperator.partial(
        task_id="export_messages",
        stream="messages",
        destination=f"{ROOT}/messages",
        outlets=[Asset("agentx_messages")],
        map_index_template="{{ task.bot_name }}",
    ).expand(bot_name=BOTS)
