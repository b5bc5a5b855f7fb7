"""The ways of waiting for an interval to settle."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, get_current_context, task

from airflow_provider_convexport.airflow_errors import airflow_errors
from airflow_provider_convexport.hooks.applied_labs import AppliedLabsHook
from airflow_provider_convexport.interval import interval_of
from airflow_provider_convexport.sensors.interval_settled import ExportIntervalSettledSensor

SETTLE = timedelta(seconds=5)

with DAG("settled", schedule=None):
    ExportIntervalSettledSensor(task_id="deferrable", settle=SETTLE, deferrable=True)
    ExportIntervalSettledSensor(
        task_id="reschedule", settle=SETTLE, deferrable=False, mode="reschedule", poke_interval=1
    )

    @task
    @airflow_errors()
    def hook() -> int:
        """Count the records of the run's interval."""
        interval = interval_of(get_current_context())
        found = AppliedLabsHook().export_conversations(interval.start, interval.end, settle=SETTLE)
        return sum(1 for _ in found)

    hook()
