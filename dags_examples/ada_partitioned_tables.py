"""Makes the table of each day that was exported, in a run of its own that has the day as its partition key.

It runs once for each day that ``ada_partitioned`` has exported, and for each day that ``ada_backfill_events``
has rewritten. A day without a change starts no run.

Requirements:

* Airflow 3.2 or newer, for ``PartitionedAssetTimetable``
* the extra ``parquet`` of this package: ``pip install 'airflow-provider-convexport[parquet]'``
* the Dag ``ada_partitioned`` or ``ada_backfill_events``, whose asset events have a partition key
* the same ``AIRFLOW_VAR_CONVEXPORT_ROOT`` as theirs, if that is set; the asset's URI is made from it
"""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import DAG, Asset, PartitionedAssetTimetable, StartOfDayMapper

from airflow_provider_convexport.operators.tables import ConversationTablesOperator

# Read from the environment, because the URI of an asset must be known when the file is parsed, and
# ``Variable.get`` would query the database at every parse.
ROOT = os.environ.get("AIRFLOW_VAR_CONVEXPORT_ROOT", "file:///tmp/convexport") + "/ada_partitioned"

conversations = Asset(
    "ada_conversations_by_day",
    uri=f"{ROOT}/conversations",
    extra={"vendor": "ada", "stream": "conversations"},
)

with DAG(
    dag_id="ada_partitioned_tables",
    description="Makes the table of each day that Ada's partitioned export has written.",
    doc_md=__doc__,
    schedule=PartitionedAssetTimetable(
        assets=conversations, default_partition_mapper=StartOfDayMapper(input_format="%Y-%m-%d")
    ),
    default_args={"retries": 5, "retry_delay": timedelta(minutes=1)},
    tags=["convexport", "ada", "tables"],
) as dag:
    ConversationTablesOperator(
        task_id="tables",
        sources=f"{ROOT}/conversations",
        destination=f"{ROOT}/tables",
        # A partition key names only the start of the day; this is its length.
        period=timedelta(days=1),
        # Airflow adds the run's partition key to the asset event.
        outlets=[Asset("ada_tables_by_day", uri=f"{ROOT}/tables")],
    )
