"""Each vendor's history in two ways: windows on the grid, and days."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from airflow.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_convexport.operators.ada import AdaExportOperator
from airflow_provider_convexport.operators.agentx import AgentXExportOperator
from airflow_provider_convexport.operators.applied_labs import AppliedLabsExportOperator
from airflow_provider_convexport.timetables.export_window import ExportWindowTimetable

NOW = datetime.fromisoformat(os.environ["CONVEXPORT_TEST_NOW"])
ROOT = os.environ["CONVEXPORT_TEST_EXPORTS"]

# AgentX states no longest window; the package asks for one day at a time unless it is told otherwise.
MONTH = timedelta(days=29)

WINDOWS = {
    "ada": ExportWindowTimetable.for_vendor("ada", size=45),
    "applied_labs": ExportWindowTimetable.for_vendor("applied_labs"),
    "agentx": ExportWindowTimetable.for_vendor("agentx", max_length=MONTH),
}
OPERATORS = {
    "ada": AdaExportOperator,
    "applied_labs": AppliedLabsExportOperator,
    "agentx": AgentXExportOperator,
}

for vendor, operator in OPERATORS.items():
    windows = WINDOWS[vendor]
    with DAG(
        f"{vendor}_windows",
        schedule=windows,
        # The last complete window is the scheduler's; those before it are left to a backfill.
        start_date=windows.infer_manual_data_interval(run_after=NOW).start,
        catchup=True,
    ):
        operator(
            task_id="export",
            destination=f"{ROOT}/{vendor}/windows",
            request_window=MONTH if vendor == "agentx" else None,
        )
    with DAG(
        f"{vendor}_daily",
        schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
        # Nothing to schedule for now; a backfill does not ask for the start date.
        start_date=NOW + timedelta(days=9),
        catchup=True,
    ):
        operator(task_id="export", destination=f"{ROOT}/{vendor}/daily")
