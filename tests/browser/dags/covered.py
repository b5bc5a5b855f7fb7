"""Exports that the coverage page shows: a daily one, and an audit that finds a gap."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset, task
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_convexport.operators.ada import AdaExportOperator

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

    @task(outlets=[messages])
    def audit(*, outlet_events=None, params=None, dag_run=None):
        """Send the event of an audit that found a gap on the day that the run is told."""
        outlet_events[messages].extra.update(
            {
                "vendor": "ada",
                "stream": "messages",
                "scope": {},
                "dataset": f"{ROOT}/messages",
                "audit": {dag_run.conf["day"]: {"ok": False, "gaps": 3, "changed": 0, "commit": ""}},
            }
        )

    audit()
