"""Exports that name days, and a Dag that runs once for each day. Needs Airflow 3.3."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

import airflow.sdk
from airflow.sdk import DAG, Asset
from airflow.sdk.execution_time.context import OutletEventAccessor

from airflow_provider_convexport.operators.ada import AdaExportOperator
from airflow_provider_convexport.sensors.partition import ExportPartitionSensor

DESTINATION = os.environ["CONVEXPORT_TEST_EXPORTS"] + "/partitions"
NOW = datetime.fromisoformat(os.environ["CONVEXPORT_TEST_NOW"])
DAY = timedelta(days=1)
KEY = "%Y-%m-%d"

days = Asset("days")

if hasattr(OutletEventAccessor, "add_partitions"):
    with DAG("several_days", schedule=None):
        AdaExportOperator(task_id="export", destination=DESTINATION, add_partitions=True, outlets=[days])

    by_cron = airflow.sdk.CronPartitionTimetable("0 0 * * *", timezone="UTC", run_offset=-1, key_format=KEY)
    # Nothing to schedule for now; a run by hand names its day.
    with DAG("one_day", schedule=by_cron, start_date=NOW + 9 * DAY, catchup=True):
        AdaExportOperator(task_id="export", destination=DESTINATION, period=DAY, outlets=[days])

    by_day = airflow.sdk.PartitionedAssetTimetable(
        assets=days, default_partition_mapper=airflow.sdk.StartOfDayMapper(input_format=KEY)
    )
    with DAG("reader", schedule=by_day):
        ExportPartitionSensor(task_id="published", destination=DESTINATION, period=DAY, timeout=60)
