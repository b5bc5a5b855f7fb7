"""Exports the interval that a run names, to where the example Dags that make tables expect it."""

from __future__ import annotations

import os

from airflow.sdk import DAG, Asset
from airflow.sdk.execution_time.context import OutletEventAccessor

from airflow_provider_convexport.operators.ada import AdaExportOperator

ROOT = os.environ["AIRFLOW_VAR_CONVEXPORT_ROOT"]

# As ada_daily does it, but several runs may export at once.
with DAG("export_days", schedule=None):
    AdaExportOperator(
        task_id="export",
        destination=f"{ROOT}/ada/conversations",
        skip_unchanged=True,
        pool="convexport_ada",
        outlets=[Asset("ada_conversations", uri=f"{ROOT}/ada/conversations")],
    )

if hasattr(OutletEventAccessor, "add_partitions"):
    # As ada_backfill_events does it.
    with DAG("export_days_with_keys", schedule=None):
        AdaExportOperator(
            task_id="export",
            destination=f"{ROOT}/ada_partitioned/conversations",
            skip_unchanged=True,
            pool="convexport_ada",
            add_partitions=True,
            outlets=[Asset("ada_conversations_by_day", uri=f"{ROOT}/ada_partitioned/conversations")],
        )
