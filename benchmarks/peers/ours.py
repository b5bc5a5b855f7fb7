"""The export operators of this package with all defaults, except that rate limits are off."""

from __future__ import annotations

import json
import os

from job import BOT, Job, measure

from airflow_provider_convexport.hooks.ada import AdaHook
from airflow_provider_convexport.hooks.agentx import AgentXHook
from airflow_provider_convexport.operators.ada import AdaExportOperator
from airflow_provider_convexport.operators.agentx import AgentXExportOperator
from airflow_provider_convexport.operators.tables import ConversationTablesOperator

HOOKS = {"agentx": AgentXHook, "ada": AdaHook}
OPERATORS = {"agentx": AgentXExportOperator, "ada": AdaExportOperator}


def export(job: Job) -> None:
    """Export into one folder a day, each with a manifest; for Parquet make the tables of them."""
    extra = {"bot_name": BOT} if job.vendor == "agentx" else {}
    connection = {"conn_type": job.vendor, "host": job.url, "password": job.key, "extra": extra}
    os.environ[f"AIRFLOW_CONN_{job.vendor.upper()}_DEFAULT"] = json.dumps(connection)
    HOOKS[job.vendor].limits = ()
    context = {"data_interval_start": job.start, "data_interval_end": job.end, "run_id": "benchmark"}
    raw = job.out if job.format == "jsonl" else job.folder / "raw"
    OPERATORS[job.vendor](task_id="export", destination=str(raw)).execute(context)
    if job.format == "parquet":
        ConversationTablesOperator(task_id="tables", sources=str(raw), destination=str(job.out)).execute(
            context
        )


if __name__ == "__main__":
    measure(export, packages=("airflow-provider-convexport", "apache-airflow"))
