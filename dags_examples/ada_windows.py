"""The history of Ada: runs over the longest windows that the vendor takes, for a backfill.

Exports to the same folders as ``ada_daily`` and fills the same partitions, with far fewer requests.
It begins paused. Unpause it for ``airflow backfill create``, since Airflow starts no run of a paused Dag; the
scheduler then adds the last complete window. ``airflow convexport plan
--vendor ada ...`` prints the command and what it costs.

Needs the connection ``ada_default`` and the pool ``convexport_ada``:
``airflow pools set convexport_ada 2 "Exports from Ada"``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_convexport.operators.ada import AdaExportOperator
from airflow_provider_convexport.timetables.export_window import ExportWindowTimetable

# Rendered when a task runs: reading a variable at the top of the file would query it at every parse.
ROOT = '{{ var.value.get("convexport_root", "file:///tmp/convexport") }}/ada'

windows = ExportWindowTimetable.for_vendor("ada")

with DAG(
    dag_id="ada_windows",
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
        "pool": "convexport_ada",
    },
    tags=["convexport", "ada"],
) as dag:
    AdaExportOperator(
        task_id="export_conversations",
        stream="conversations",
        destination=f"{ROOT}/conversations",
        # Ada answers for the last twelve months; of a window that begins earlier, the rest is exported.
        on_expired="clip",
    )
    AdaExportOperator(
        task_id="export_messages",
        stream="messages",
        destination=f"{ROOT}/messages",
        # Ada answers for the last twelve months; of a window that begins earlier, the rest is exported.
        on_expired="clip",
    )
