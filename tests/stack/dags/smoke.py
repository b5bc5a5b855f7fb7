"""A small export that needs every service: it waits in the triggerer, then writes an hour to the store."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_provider_convexport.operators.ada import AdaExportOperator
from airflow_provider_convexport.sensors.interval_settled import ExportIntervalSettledSensor

with DAG(
    "smoke",
    schedule=None,
    is_paused_upon_creation=False,
    default_args={"retries": 5, "retry_delay": timedelta(seconds=3)},
):
    settled = ExportIntervalSettledSensor(
        task_id="settled", vendor="ada", settle=timedelta(hours=3), deferrable=True
    )
    export = AdaExportOperator(
        task_id="export",
        destination="s3://aws_default@convexport/smoke",
        partition_by="interval",
        pool="convexport_ada",
    )
    settled >> export
