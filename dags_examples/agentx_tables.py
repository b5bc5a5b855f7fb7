"""Exports the conversations and messages of several AgentX bots every day, and makes tables of them.

Tables are Parquet files with the same columns for all vendors, who may share one folder. They are made of
what the exports have published, so the last task sends no request to AgentX Support, and needs no pool. A
partition of a table is rewritten only if its raw partition has changed.

The datasets are those of ``agentx_daily``, which also exports the last days again for late
changes. To have both, use ``agentx_daily`` and ``tables_on_change``.

Requirements:

* the extra ``parquet`` of this package: ``pip install 'airflow-provider-convexport[parquet]'``
* the connection ``agentx_default``
* the pool ``convexport_agentx``; Airflow does not schedule the tasks without it:
  ``airflow pools set convexport_agentx 2 "Exports from AgentX Support"``
* optional: the environment variable ``AIRFLOW_VAR_CONVEXPORT_ROOT``, the root URL of exports and tables
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset
from airflow.timetables.interval import CronDataIntervalTimetable  # in airflow.sdk as well since Airflow 3.2

from airflow_provider_convexport.manual_runs import interval_params
from airflow_provider_convexport.operators.agentx import AgentXExportOperator
from airflow_provider_convexport.operators.tables import ConversationTablesOperator

# Read from the environment, because the URI of an asset must be known when the file is parsed, and
# ``Variable.get`` would query the database at every parse.
ROOT = os.environ.get("AIRFLOW_VAR_CONVEXPORT_ROOT", "file:///tmp/convexport")

# One mapped task per bot, so that a failing bot does not affect the exports of the others.
BOTS = ["support-bot", "sales-bot"]
STREAMS = ("conversations", "messages")

with DAG(
    dag_id="agentx_tables",
    description="Exports AgentX Support's bots every day and makes tables of them.",
    doc_md=__doc__,
    params=interval_params(),
    # A plain "@daily" gives the runs of Airflow 3 a data interval of zero width.
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=True,
    max_active_runs=2,
    default_args={
        "retries": 5,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(hours=1),
        "pool": "convexport_agentx",
    },
    tags=["convexport", "agentx", "tables"],
) as dag:
    exports = [
        AgentXExportOperator.partial(
            task_id=f"export_{stream}",
            stream=stream,
            destination=f"{ROOT}/agentx/{stream}",
            # Partitions that already hold the same records are not rewritten, and send no event.
            skip_unchanged=True,
            outlets=[
                Asset(
                    f"agentx_{stream}",
                    uri=f"{ROOT}/agentx/{stream}",
                    extra={"vendor": "agentx", "stream": stream},
                )
            ],
            map_index_template="{{ task.bot_name }}",
        ).expand(bot_name=BOTS)
        for stream in STREAMS
    ]
    tables = ConversationTablesOperator(
        task_id="tables",
        sources=[f"{ROOT}/agentx/{stream}" for stream in STREAMS],
        destination=f"{ROOT}/tables",
        # Exports end as skipped if they are run again and nothing has changed.
        trigger_rule="none_failed",
        pool="default_pool",
        outlets=[Asset("conversation_tables", uri=f"{ROOT}/tables")],
    )
    exports >> tables
