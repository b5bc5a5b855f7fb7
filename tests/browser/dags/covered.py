"""Exports that the coverage page shows, and their audit."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_convexport.operators.ada import AdaExportOperator
from airflow_provider_convexport.operators.audit import ExportAuditOperator

ROOT = os.environ["CONVEXPORT_TEST_EXPORTS"]
messages = Asset("ada_messages", uri=f"{ROOT}/messages")

with DAG(
    "covered_daily",
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    # Nothing to schedule for now; a backfill does not ask for the start date.
    start_date=datetime.now(UTC) + timedelta(days=9),
    catchup=False,
    max_active_runs=4,
):
    AdaExportOperator(
        task_id="export",
        destination=f"{ROOT}/messages",
        stream="messages",
        on_unsettled="export",
        outlets=[messages],
    )

with DAG("audited", schedule=None):
    ExportAuditOperator(
        task_id="audit",
        conn_id="ada_default",
        destination=f"{ROOT}/messages",
        share=1,
        on_gap="fail",
        outlets=[Asset("ada_audit")],
    )

with DAG("by_hand", schedule=None):
    AdaExportOperator(task_id="export", destination=f"{ROOT}/messages", stream="messages", outlets=[messages])
