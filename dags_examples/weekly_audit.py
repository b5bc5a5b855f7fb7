"""Audits every week what the daily Dags have published, beside what the vendors say of the same days.

One Dag per vendor, which runs on Mondays for the week before the last one, so that late changes have been
exported. It looks at two of the seven days. Gaps are in the log, in ``_audit.json`` beside the manifests, and
in the asset events; they do not fail the tasks (``on_gap="warn"``).

The outlets are assets of their own: an event of an export's asset would start the Dags that read exports.

Requirements:

* the connections ``ada_default``, ``agentx_default`` and ``applied_labs_default``, and their pools, which the
  tasks share with the exports: see the daily Dags
* the exports of ``ada_daily``, ``agentx_daily`` and ``applied_labs_daily``
* the same ``AIRFLOW_VAR_CONVEXPORT_ROOT`` as theirs, if that is set
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset
from airflow.timetables.interval import CronDataIntervalTimetable  # in airflow.sdk as well since Airflow 3.2

from airflow_provider_convexport.manual_runs import interval_params
from airflow_provider_convexport.operators.audit import ExportAuditOperator

# Read from the environment, because the URI of an asset must be known when the file is parsed, and
# ``Variable.get`` would query the database at every parse.
ROOT = os.environ.get("AIRFLOW_VAR_CONVEXPORT_ROOT", "file:///tmp/convexport")

# The shops and bots of the connections; name others with scope=, one task each.
BOTS = [{"bot_name": "support-bot"}, {"bot_name": "sales-bot"}]


def audit_of(vendor: str, datasets: list[str], scopes: list[dict[str, str]] | None = None) -> DAG:
    """Return the Dag that audits a vendor's datasets, each with the others beside it."""
    with DAG(
        dag_id=f"weekly_audit_{vendor}",
        description=f"Compares the exports of {vendor} with what the vendor says.",
        doc_md=__doc__,
        params=interval_params(),
        # A plain "@weekly" gives the runs of Airflow 3 a data interval of zero width.
        schedule=CronDataIntervalTimetable("0 6 * * MON", timezone="UTC"),
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        # An audit of last year tells less than it costs.
        catchup=False,
        max_active_runs=1,
        default_args={
            "retries": 3,
            "retry_delay": timedelta(minutes=10),
            "pool": f"convexport_{vendor}",
        },
        tags=["convexport", vendor, "audit"],
    ) as dag:
        for dataset in datasets:
            audit = ExportAuditOperator.partial(
                task_id=f"audit_{dataset}",
                conn_id=f"{vendor}_default",
                destination=f"{ROOT}/{vendor}/{dataset}",
                beside=[f"{ROOT}/{vendor}/{other}" for other in datasets if other != dataset],
                # The week before that of the run.
                lookback=timedelta(days=7),
                share=2 / 7,
                outlets=[
                    Asset(
                        f"{vendor}_{dataset}_audit",
                        uri=f"{ROOT}/{vendor}/{dataset}/_audit",
                        extra={"vendor": vendor, "stream": dataset.partition("_")[0]},
                    )
                ],
            )
            audit.expand(scope=scopes or [{}])
    return dag


ada = audit_of("ada", ["conversations", "messages"])
agentx = audit_of("agentx", ["conversations", "messages"], BOTS)
applied_labs = audit_of("applied_labs", ["conversations"])
