"""Backfills the history of AgentX with runs over windows of a week.

It writes the same partitions to the same folders as ``agentx_daily``, with far fewer requests, and with the
same asset events. A day that is already there with the same records is left as it is.
``airflow convexport plan --dag-id agentx_windows ...`` prints the backfill command and its cost.

The Dag starts paused. Unpause it for ``airflow backfill create``, because Airflow starts no run of a paused
Dag. The scheduler then also runs the last complete window.

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

from airflow_provider_convexport.manual_runs import interval_params
from airflow_provider_convexport.operators.agentx import AgentXExportOperator
from airflow_provider_convexport.timetables.export_window import ExportWindowTimetable

# Read from the environment, because the URI of an asset must be known when the file is parsed, and
# ``Variable.get`` would query the database at every parse.
ROOT = os.environ.get("AIRFLOW_VAR_CONVEXPORT_ROOT", "file:///tmp/convexport") + "/agentx"

# One mapped task per bot, so that a failing bot does not affect the exports of the others.
BOTS = ["support-bot", "sales-bot"]

windows = ExportWindowTimetable.for_vendor("agentx")

with DAG(
    dag_id="agentx_windows",
    description="Backfills AgentX Support's conversations and messages in windows of a week.",
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
        "pool": "convexport_agentx",
    },
    tags=["convexport", "agentx"],
) as dag:
    for stream in ("conversations", "messages"):
        AgentXExportOperator.partial(
            task_id=f"export_{stream}",
            stream=stream,
            destination=f"{ROOT}/{stream}",
            # Days that the daily Dag has published and that have not changed are not rewritten.
            skip_unchanged=True,
            outlets=[
                Asset(
                    f"agentx_{stream}", uri=f"{ROOT}/{stream}", extra={"vendor": "agentx", "stream": stream}
                )
            ],
            # The vendor documents no maximum span per request. The default of one day is cautious; one
            # request per schedule window is cheaper for bots with few conversations.
            request_window=timedelta(days=7),
            map_index_template="{{ task.bot_name }}",
        ).expand(bot_name=BOTS)
