"""The history of Applied Labs: runs over the longest windows that the vendor takes, for a backfill.

Exports to the same folders as ``applied_labs_daily`` and fills the same partitions, with far fewer requests.
It begins paused. Unpause it for ``airflow backfill create``, since Airflow starts no run of a paused Dag; the
scheduler then adds the last complete window. ``airflow convexport plan
--vendor applied_labs ...`` prints the command and what it costs.

Needs the connection ``applied_labs_default`` and the pool ``convexport_applied_labs``:
``airflow pools set convexport_applied_labs 1 "Exports from Applied Labs"``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_convexport.operators.applied_labs import AppliedLabsExportOperator
from airflow_provider_convexport.timetables.export_window import ExportWindowTimetable

# Rendered when a task runs: reading a variable at the top of the file would query it at every parse.
ROOT = '{{ var.value.get("convexport_root", "file:///tmp/convexport") }}/applied_labs'

windows = ExportWindowTimetable.for_vendor("applied_labs")

with DAG(
    dag_id="applied_labs_windows",
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
        "pool": "convexport_applied_labs",
    },
    tags=["convexport", "applied_labs"],
) as dag:
    AppliedLabsExportOperator(
        task_id="export_conversations",
        stream="conversations",
        destination=f"{ROOT}/conversations",
    )
