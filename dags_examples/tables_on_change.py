"""Makes tables of whatever the daily Dags have published, as soon as they have.

One Dag per vendor. It runs after every export of ``<vendor>_daily`` or ``<vendor>_windows``, including the
exports of earlier days for late changes. The asset events list the manifests that were written, and the task
makes the tables of exactly these partitions, without a request to a vendor. Events that come while a run is
going on are all handled by the next one.

A run by hand makes the tables of the interval in its trigger form, or of the last whole day.

Requirements:

* the extra ``parquet`` of this package: ``pip install 'airflow-provider-convexport[parquet]'``
* the Dags ``ada_daily``, ``agentx_daily`` and ``applied_labs_daily``, which send the asset events
* the same ``AIRFLOW_VAR_CONVEXPORT_ROOT`` as theirs, if that is set; the assets' URIs are made from it
"""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import DAG, Asset, AssetAny

from airflow_provider_convexport.manual_runs import interval_params
from airflow_provider_convexport.operators.tables import ConversationTablesOperator

# Read from the environment, because the URI of an asset must be known when the file is parsed, and
# ``Variable.get`` would query the database at every parse.
ROOT = os.environ.get("AIRFLOW_VAR_CONVEXPORT_ROOT", "file:///tmp/convexport")


def tables_of(vendor: str, *datasets: str) -> DAG:
    """Return the Dag that makes the tables of a vendor's datasets."""
    sources = [
        Asset(
            f"{vendor}_{dataset}",
            uri=f"{ROOT}/{vendor}/{dataset}",
            # What the daily Dag says of them, too: Airflow keeps what it has read last.
            extra={"vendor": vendor, "stream": dataset.partition("_")[0]},
        )
        for dataset in datasets
    ]
    with DAG(
        dag_id=f"tables_on_change_{vendor}",
        description=f"Makes tables of what the daily Dag of {vendor} has published, when it has.",
        doc_md=__doc__,
        params=interval_params(),
        # A list of assets would wait for all of them; AssetAny starts a run after each.
        schedule=AssetAny(*sources),
        max_active_runs=1,
        default_args={"retries": 5, "retry_delay": timedelta(minutes=1)},
        tags=["convexport", vendor, "tables"],
    ) as dag:
        ConversationTablesOperator(
            task_id="tables",
            sources=[each.uri for each in sources],
            destination=f"{ROOT}/tables",
            outlets=[Asset("conversation_tables", uri=f"{ROOT}/tables")],
        )
    return dag


ada = tables_of("ada", "conversations", "conversations_updated", "messages")
agentx = tables_of("agentx", "conversations", "messages")
applied_labs = tables_of("applied_labs", "conversations", "conversations_active")
