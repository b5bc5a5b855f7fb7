"""Exports the conversations and messages of one Ada instance every day, and makes tables of them.

Tables are Parquet files with the same columns for all vendors, who may share one folder. They are made of
what the exports have published, so the last task sends no request to Ada, and needs no pool. A
partition of a table is rewritten only if its raw partition has changed.

The datasets are those of ``ada_daily``, which also exports the last days again for late
changes. To have both, use ``ada_daily`` and ``tables_on_change``.

Requirements:

* the extra ``parquet`` of this package: ``pip install 'airflow-provider-convexport[parquet]'``
* the connection ``ada_default``
* the pool ``convexport_ada``; Airflow does not schedule the tasks without it:
  ``airflow pools set convexport_ada 2 "Exports from Ada"``
* optional: the environment variable ``AIRFLOW_VAR_CONVEXPORT_ROOT``, the root URL of exports and tables
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset
from airflow.timetables.interval import CronDataIntervalTimetable  # in airflow.sdk as well since Airflow 3.2

from airflow_provider_convexport.manual_runs import interval_params
from airflow_provider_convexport.operators.ada import AdaExportOperator
from airflow_provider_convexport.operators.tables import ConversationTablesOperator

# Read from the environment, because the URI of an asset must be known when the file is parsed, and
# ``Variable.get`` would query the database at every parse.
ROOT = os.environ.get("AIRFLOW_VAR_CONVEXPORT_ROOT", "file:///tmp/convexport")

with DAG(
    dag_id="ada_tables",
    description="Exports Ada's conversations and messages every day and makes tables of them.",
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
        "pool": "convexport_ada",
        # Ada keeps twelve months. "clip" exports what is left of an older interval, and skips the task if
        # nothing is left. With the default, "fail", the runs since start_date would fail a year later.
        "on_expired": "clip",
    },
    tags=["convexport", "ada", "tables"],
) as dag:
    exports = [
        AdaExportOperator(
            task_id=f"export_{dataset}",
            stream=stream,
            window_on=window_on,
            destination=f"{ROOT}/ada/{dataset}",
            # Partitions that already hold the same records are not rewritten, and send no event.
            skip_unchanged=True,
            outlets=[
                Asset(
                    f"ada_{dataset}", uri=f"{ROOT}/ada/{dataset}", extra={"vendor": "ada", "stream": stream}
                )
            ],
        )
        for dataset, stream, window_on in (
            ("conversations", "conversations", "created"),
            ("conversations_updated", "conversations", "updated"),
            ("messages", "messages", "created"),
        )
    ]
    tables = ConversationTablesOperator(
        task_id="tables",
        sources=[each.destination for each in exports],
        destination=f"{ROOT}/tables",
        # Days that Ada no longer keeps were not exported. With the default, "fail", such a run would fail.
        on_missing="skip",
        # Exports end as skipped if they are run again and nothing has changed.
        trigger_rule="none_failed",
        pool="default_pool",
        outlets=[Asset("conversation_tables", uri=f"{ROOT}/tables")],
    )
    exports >> tables
