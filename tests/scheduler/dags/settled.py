"""Both ways of waiting for an interval to settle."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_provider_convexport.sensors.interval_settled import ExportIntervalSettledSensor

SETTLE = timedelta(seconds=5)

with DAG("settled", schedule=None):
    ExportIntervalSettledSensor(task_id="deferrable", settle=SETTLE, deferrable=True)
    ExportIntervalSettledSensor(
        task_id="reschedule", settle=SETTLE, deferrable=False, mode="reschedule", poke_interval=1
    )
