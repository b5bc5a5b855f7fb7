"""Two months of AgentX's messages at once, one on each worker."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_provider_convexport.operators.agentx import AgentXExportOperator

with DAG(
    "full_speed",
    schedule=None,
    is_paused_upon_creation=False,
    default_args={"retries": 3, "retry_delay": timedelta(seconds=3), "pool": "convexport_agentx"},
):
    for worker in ("worker-1", "worker-2"):
        AgentXExportOperator(
            task_id=worker,
            queue=worker,
            stream="messages",
            destination="s3://aws_default@convexport/full_speed",
            interval_start=f"{{{{ dag_run.conf['{worker}'][0] }}}}",
            interval_end=f"{{{{ dag_run.conf['{worker}'][1] }}}}",
            page_size=60,
        )
