"""The history of AgentX: runs over the longest windows that the vendor takes, for a backfill.

Exports to the same folders as ``agentx_daily`` and fills the same partitions, with far fewer requests.
It begins paused. Unpause it for ``airflow backfill create``, since Airflow starts no run of a paused Dag; the
scheduler then adds the last complete window. ``airflow convexport plan
--vendor agentx ...`` prints the command and what it costs.

Needs the connection ``agentx_default`` and the pool ``convexport_agentx``:
``airflow pools set convexport_agentx 2 "Exports from AgentX"``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_convexport.operators.agentx import AgentXExportOperator
from airflow_provider_convexport.timetables.export_window import ExportWindowTimetable

# Rendered when a task runs: reading a variable at the top of the file would query it at every parse.
ROOT = '{{ var.value.get("convexport_root", "file:///tmp/convexport") }}/agentx'

# One mapped task each, so that one bot's failure leaves the others' exports alone.
BOTS = ["support-bot", "sales-bot"]

windows = ExportWindowTimetable.for_vendor("agentx")

with DAG(
    dag_id="agentx_windows",
    schedule=windows,
    # On the grid, so that every scheduled run has its tasks; a backfill may begin earlier.
    start_date=windows.window_start(datetime(2026, 1, 1, tzinfo=UTC)),
    catchup=False,
    # For backfills, so it waits to be asked, whatever this Airflow's default is.
    is_paused_upon_creation=True,
    default_args={
        "retries": 5,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(hours=1),
        # The runs of a backfill and those of the daily Dag share the vendor's limit.
        "pool": "convexport_agentx",
    },
    tags=["convexport", "agentx"],
) as dag:
    for stream in ("conversations", "messages"):
        AgentXExportOperator.partial(
            task_id=f"export_{stream}",
            stream=stream,
            destination=f"{ROOT}/{stream}",
            # The vendor names no longest window. One day per request is this package's caution; a whole run's
            # window in one request is cheaper where little is written.
            request_window=timedelta(days=7),
            map_index_template="{{ task.bot_name }}",
        ).expand(bot_name=BOTS)
