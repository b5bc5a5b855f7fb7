"""An export and the tables of it, as files and in a catalog; one of nothing new; one that is refused."""

from __future__ import annotations

import os

from airflow.sdk import DAG, Asset

from airflow_provider_convexport.manual_runs import interval_params
from airflow_provider_convexport.operators.agentx import AgentXExportOperator
from airflow_provider_convexport.operators.tables import ConversationTablesOperator

ROOT = os.environ["LINEAGE_ROOT"]
RAW = f"{ROOT}/agentx/messages"

with DAG("lineage", schedule=None, params=interval_params()) as lineage:
    export = AgentXExportOperator(
        task_id="export",
        destination=RAW,
        stream="messages",
        outlets=[Asset("agentx_messages", uri=RAW)],
    )
    files = ConversationTablesOperator(task_id="files", sources=RAW, destination=f"{ROOT}/tables")
    catalog = ConversationTablesOperator(
        task_id="catalog", sources=RAW, namespace="support", iceberg_conn_id="lake", include_raw=False
    )
    export >> files >> catalog

with DAG("unchanged", schedule=None, params=interval_params()) as unchanged:
    AgentXExportOperator(
        task_id="export",
        destination=RAW,
        stream="messages",
        skip_unchanged=True,
        outlets=[Asset("agentx_messages", uri=RAW)],
    )

with DAG("refused", schedule=None, params=interval_params()) as refused:
    AgentXExportOperator(
        task_id="export",
        destination=f"{ROOT}/refused",
        agentx_conn_id="agentx_wrong_key",
        outlets=[Asset("refused", uri=f"{ROOT}/refused")],
    )
