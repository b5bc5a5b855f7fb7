"""Tasks that end as an audit with ``on_gap="fail"`` does: each leaves what the run's conf says, and fails."""

from __future__ import annotations

from airflow.sdk import DAG, get_current_context, task

from airflow_provider_convexport.audit.report import FAILED_AUDIT_KEY
from airflow_provider_convexport.compat import AirflowFailException

with DAG("audits_that_fail", schedule=None) as dag:
    for name in ("audit", "audit_of_another", "damaged", "foreign"):

        @task(task_id=name)
        def leave(name):
            context = get_current_context()
            context["ti"].xcom_push(key=FAILED_AUDIT_KEY, value=context["dag_run"].conf[name])
            raise AirflowFailException("There are gaps.")

        leave(name)
