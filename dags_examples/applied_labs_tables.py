"""Exports the conversations of one Applied Labs shop with their messages every day, and makes tables of them.

Tables are Parquet files with the same columns for all vendors, who may share one folder. They are made of
what the exports have published, so the last task sends no request to Applied Labs, and needs no pool. A
partition of a table is rewritten only if its raw partition has changed.

The datasets are those of ``applied_labs_daily``, which also exports the last days again for late
changes. To have both, use ``applied_labs_daily`` and ``tables_on_change``.

Requirements:

* the extra ``parquet`` of this package: ``pip install 'airflow-provider-convexport[parquet]'``
* the connection ``applied_labs_default``
* the pool ``convexport_applied_labs``; Airflow does not schedule the tasks without it:
  ``airflow pools set convexport_applied_labs 1 "Exports from Applied Labs"``
* optional: the environment variable ``AIRFLOW_VAR_CONVEXPORT_ROOT``, the root URL of exports and tables
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset
from airflow.timetables.interval import CronDataIntervalTimetable  # in airflow.sdk as well since Airflow 3.2

from airflow_provider_convexport.manual_runs import interval_params
from airflow_provider_convexport.operators.applied_labs import AppliedLabsExportOperator
from airflow_provider_convexport.operators.tables import ConversationTablesOperator

# Read from the environment, because the URI of an asset must be known when the file is parsed, and
# ``Variable.get`` would query the database at every parse.
ROOT = os.environ.get("AIRFLOW_VAR_CONVEXPORT_ROOT", "file:///tmp/convexport")

with DAG(
    dag_id="applied_labs_tables",
    description="Exports an Applied Labs shop every day and makes tables of it.",
    doc_md=__doc__,
    params=interval_params(),
    # A plain "@daily" gives the runs of Airflow 3 a data interval of zero width.
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=True,
    max_active_runs=2,
    default_args={
        "retries": 5,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(hours=1),
        "pool": "convexport_applied_labs",
    },
    tags=["convexport", "applied_labs", "tables"],
) as dag:
    exports = [
        AppliedLabsExportOperator(
            task_id=f"export_{dataset}",
            window_on=window_on,
            destination=f"{ROOT}/applied_labs/{dataset}",
            # Partitions that already hold the same records are not rewritten, and send no event.
            skip_unchanged=True,
            outlets=[
                Asset(
                    f"applied_labs_{dataset}",
                    uri=f"{ROOT}/applied_labs/{dataset}",
                    extra={"vendor": "applied_labs", "stream": "conversations"},
                )
            ],
        )
        for dataset, window_on in (
            ("conversations", "created_at"),
            ("conversations_active", "last_message_at"),
        )
    ]
    tables = ConversationTablesOperator(
        task_id="tables",
        sources=[each.destination for each in exports],
        destination=f"{ROOT}/tables",
        # Exports end as skipped if they are run again and nothing has changed.
        trigger_rule="none_failed",
        pool="default_pool",
        outlets=[Asset("conversation_tables", uri=f"{ROOT}/tables")],
    )
    exports >> tables
