"""Writes tables of whatever the daily Dags have published to an Apache Iceberg catalog, as soon as they have.

One Dag per vendor, started as those of ``tables_on_change``: by the asset events of ``<vendor>_daily`` or
``<vendor>_windows``. All vendors write to the tables ``conversations`` and ``messages`` of one namespace,
which the first run creates. A run switches all its days of a table in one transaction.

``tables_in_iceberg_maintenance`` expires snapshots older than 30 days once a week. It deletes no file; an
engine does that, such as Spark's ``remove_orphan_files``.

A run by hand makes the tables of the interval in its trigger form, or of the last whole day.

Requirements:

* the extra ``iceberg`` of this package: ``pip install 'airflow-provider-convexport[iceberg]'``
* the connection ``iceberg_default`` of the type ``iceberg``, with the catalog in its extra
* the Dags ``ada_daily``, ``agentx_daily`` and ``applied_labs_daily``, which send the asset events
* the same ``AIRFLOW_VAR_CONVEXPORT_ROOT`` as theirs, if that is set; the assets' URIs are made from it
"""

from __future__ import annotations

import os
from contextlib import closing
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset, AssetAny, task

from airflow_provider_convexport.manual_runs import interval_params
from airflow_provider_convexport.operators.tables import ConversationTablesOperator

# Read from the environment, because the URI of an asset must be known when the file is parsed, and
# ``Variable.get`` would query the database at every parse.
ROOT = os.environ.get("AIRFLOW_VAR_CONVEXPORT_ROOT", "file:///tmp/convexport")
NAMESPACE = "support"


def tables_of(vendor: str, *datasets: str) -> DAG:
    """Return the Dag that writes the tables of a vendor's datasets."""
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
        dag_id=f"tables_in_iceberg_{vendor}",
        description=f"Writes what the daily Dag of {vendor} has published to Iceberg tables, when it has.",
        doc_md=__doc__,
        params=interval_params(),
        # A list of assets would wait for all of them; AssetAny starts a run after each.
        schedule=AssetAny(*sources),
        max_active_runs=1,
        default_args={"retries": 5, "retry_delay": timedelta(minutes=1)},
        tags=["convexport", vendor, "tables", "iceberg"],
    ) as dag:
        ConversationTablesOperator(
            task_id="tables",
            sources=[each.uri for each in sources],
            namespace=NAMESPACE,
            outlets=[Asset(f"iceberg_{NAMESPACE}")],
        )
    return dag


ada = tables_of("ada", "conversations", "conversations_updated", "messages")
agentx = tables_of("agentx", "conversations", "messages")
applied_labs = tables_of("applied_labs", "conversations", "conversations_active")

with DAG(
    dag_id="tables_in_iceberg_maintenance",
    description="Expires old snapshots of the Iceberg tables.",
    doc_md=__doc__,
    schedule="@weekly",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    # A commit of tables at the same instant makes this one fail.
    default_args={"retries": 5, "retry_delay": timedelta(minutes=1)},
    tags=["convexport", "tables", "iceberg"],
) as maintenance:

    @task
    def expire_snapshots(days: int = 30) -> int:
        """Expire snapshots that are older than some days, never the current one; return their number."""
        # Imported here, so that the file can be parsed without pyiceberg.
        from airflow.providers.apache.iceberg.hooks.iceberg import IcebergHook  # noqa: PLC0415

        limit, expired = datetime.now(UTC) - timedelta(days=days), 0
        with closing(IcebergHook().catalog) as catalog:
            for name in catalog.list_tables(NAMESPACE):
                table = catalog.load_table(name)
                before = len(table.snapshots())
                table.maintenance.expire_snapshots().older_than(limit).commit()
                expired += before - len(table.refresh().snapshots())
        return expired

    expire_snapshots()
