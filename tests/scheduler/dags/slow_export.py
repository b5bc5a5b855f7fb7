"""An export with small pages, so that there is time to kill it."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_convexport.operators.agentx import AgentXExportOperator
from airflow_provider_convexport.timetables.export_window import ExportWindowTimetable

with DAG(
    "slow_export",
    schedule=ExportWindowTimetable(size=29),
    # Nothing to schedule for now; a backfill does not ask for the start date.
    start_date=datetime.fromisoformat(os.environ["CONVEXPORT_TEST_NOW"]) + timedelta(days=60),
    catchup=False,
):
    AgentXExportOperator(
        task_id="export",
        destination=f"{os.environ['CONVEXPORT_TEST_EXPORTS']}/slow",
        request_window=timedelta(days=29),
        page_size=10,
        retries=1,
        retry_delay=timedelta(seconds=1),
    )
