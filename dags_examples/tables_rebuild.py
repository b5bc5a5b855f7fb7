"""Makes the tables of a whole year again, from what is published, without a request to any vendor.

Run it by hand: after an upgrade whose tables have more columns, or if the tables are lost. Each vendor's year
is twelve mapped tasks, one for each month. Partitions that are up to date cost one read of a manifest, so a
task that failed goes on where it was, and a second run does next to nothing. Readers see each partition
as it was, or as it is then.

Requirements:

* the extra ``parquet`` of this package: ``pip install 'airflow-provider-convexport[parquet]'``
* the same ``AIRFLOW_VAR_CONVEXPORT_ROOT`` as that of the exports, if that is set
"""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import DAG, Asset, Param

from airflow_provider_convexport.operators.tables import ConversationTablesOperator

# Read from the environment, because the URI of an asset must be known when the file is parsed, and
# ``Variable.get`` would query the database at every parse.
ROOT = os.environ.get("AIRFLOW_VAR_CONVEXPORT_ROOT", "file:///tmp/convexport")

DATASETS = {
    "ada": ("conversations", "conversations_updated", "messages"),
    "agentx": ("conversations", "messages"),
    "applied_labs": ("conversations", "conversations_active"),
}
FIRST_DAYS = [f"{{{{ params.year }}}}-{month:02d}-01T00:00:00Z" for month in range(1, 13)]
NEW_YEAR = "{{ params.year + 1 }}-01-01T00:00:00Z"

with DAG(
    dag_id="tables_rebuild",
    description="Makes the tables of a whole year again, without a request to a vendor.",
    doc_md=__doc__,
    schedule=None,
    params={"year": Param(2026, type="integer", description="The year of the partitions, in UTC")},
    default_args={"retries": 5, "retry_delay": timedelta(minutes=1)},
    tags=["convexport", "tables"],
) as dag:
    for vendor, datasets in DATASETS.items():
        ConversationTablesOperator.partial(
            task_id=f"tables_{vendor}",
            sources=[f"{ROOT}/{vendor}/{dataset}" for dataset in datasets],
            destination=f"{ROOT}/tables",
            # Months in which nothing was exported, and days of datasets that began later, are left out.
            on_missing="skip",
            outlets=[Asset("conversation_tables", uri=f"{ROOT}/tables")],
            max_active_tis_per_dag=2,
        ).expand_kwargs(
            [
                {"interval_start": start, "interval_end": end}
                for start, end in zip(FIRST_DAYS, [*FIRST_DAYS[1:], NEW_YEAR], strict=True)
            ]
        )
