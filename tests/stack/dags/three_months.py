"""All five streams, in windows that make several runs of three months; started by a backfill only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_convexport.operators.ada import AdaExportOperator
from airflow_provider_convexport.operators.agentx import AgentXExportOperator
from airflow_provider_convexport.operators.applied_labs import AppliedLabsExportOperator
from airflow_provider_convexport.timetables.export_window import ExportWindowTimetable

ROOT = "s3://aws_default@convexport/three_months"
WINDOWS = {
    "ada": ExportWindowTimetable.for_vendor("ada", size=30),
    "agentx": ExportWindowTimetable.for_vendor("agentx", max_length=timedelta(days=15)),
    "applied_labs": ExportWindowTimetable.for_vendor("applied_labs"),
}
OPERATORS = {
    "ada": (AdaExportOperator, {"conversations": 300, "messages": 300}),
    "agentx": (AgentXExportOperator, {"conversations": 100, "messages": 200}),
    "applied_labs": (AppliedLabsExportOperator, {"conversations": 100}),
}

for vendor, (operator, streams) in OPERATORS.items():
    with DAG(
        f"three_months_{vendor}",
        schedule=WINDOWS[vendor],
        start_date=datetime(2100, 1, 1, tzinfo=UTC),  # the scheduler starts nothing, a backfill does not mind
        is_paused_upon_creation=False,
        default_args={
            "retries": 9,
            "retry_delay": timedelta(seconds=3),
            "pool": f"convexport_{vendor}",
        },
    ):
        for stream, page_size in streams.items():
            operator(
                task_id=stream, stream=stream, destination=f"{ROOT}/{vendor}/{stream}", page_size=page_size
            )
