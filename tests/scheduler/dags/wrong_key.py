"""An export whose key the vendor refuses."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_convexport.operators.ada import AdaExportOperator

NOW = datetime.fromisoformat(os.environ["CONVEXPORT_TEST_NOW"])

with DAG("wrong_key", schedule=None):
    AdaExportOperator(
        task_id="export",
        ada_conn_id="ada_wrong_key",
        destination=f"{os.environ['CONVEXPORT_TEST_EXPORTS']}/wrong_key",
        interval_start=NOW - timedelta(days=1),
        interval_end=NOW,
        retries=1,
    )
