"""Reads conversations in plain tasks every day, without exporting them, for a small report.

* ``count_languages`` returns how many of yesterday's conversations Ada had in each language.
* ``count_locales`` does the same for one bot of AgentX Support.
* ``list_escalations`` writes the ids of yesterday's conversations at Applied Labs that a person had to take
  over to a file ``escalations/<interval>.csv``.

A hook only reads: nothing is staged, so each try reads the interval from its beginning. To keep the records
themselves, use the operators. Each task here does the rest of what an operator does:

* ``interval_of`` finds the interval of the run, or refuses a run whose interval is not clear.
* The hook refuses an interval to which the vendor may still add records.
* ``airflow_errors`` hands the slot back until that interval has settled, or until a long pause that the
  vendor asks for is over, and fails without retry where a retry cannot help. Its ``max_pause``, here the
  default of two days, bounds the sum of such pauses.

Requirements:

* the connections ``ada_default``, ``agentx_default`` (with the extra ``bot_name``) and
  ``applied_labs_default``
* the pools of the exports; Airflow does not schedule the tasks without them:
  ``airflow pools set convexport_ada 2 "Exports from Ada"``,
  ``airflow pools set convexport_agentx 2 "Exports from AgentX Support"`` and
  ``airflow pools set convexport_applied_labs 1 "Exports from Applied Labs"``
* optional: the environment variable ``AIRFLOW_VAR_CONVEXPORT_ROOT``, the root URL of the file
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, ObjectStoragePath, get_current_context, task
from airflow.timetables.interval import CronDataIntervalTimetable  # in airflow.sdk as well since Airflow 3.2

from airflow_provider_convexport.airflow_errors import airflow_errors
from airflow_provider_convexport.hooks.ada import AdaHook
from airflow_provider_convexport.hooks.agentx import AgentXHook
from airflow_provider_convexport.hooks.applied_labs import AppliedLabsHook
from airflow_provider_convexport.interval import interval_of
from airflow_provider_convexport.manual_runs import interval_params

ROOT = os.environ.get("AIRFLOW_VAR_CONVEXPORT_ROOT", "file:///tmp/convexport")

with DAG(
    dag_id="hook_in_a_task",
    description="Reads yesterday's conversations of all vendors in plain tasks, for a report.",
    doc_md=__doc__,
    params=interval_params(),
    # A plain "@daily" gives the runs of Airflow 3 a data interval of zero width.
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={
        "retries": 5,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(hours=1),
    },
    tags=["convexport"],
) as dag:

    @task(pool="convexport_ada")
    @airflow_errors()
    def count_languages() -> dict[str, int]:
        """Return the number of conversations in each language."""
        interval = interval_of(get_current_context())
        # Ada keeps twelve months; "clip" skips the task if a run is older than that.
        found = AdaHook().export_conversations(interval.start, interval.end, on_expired="clip")
        return dict(Counter(str(conversation.get("language")) for conversation in found))

    @task(pool="convexport_agentx")
    @airflow_errors()
    def count_locales() -> dict[str, int]:
        """Return the number of conversations with each locale."""
        interval = interval_of(get_current_context())
        found = AgentXHook().export_conversations(interval.start, interval.end)
        return dict(Counter(str(conversation.get("locale")) for conversation in found))

    @task(pool="convexport_applied_labs")
    @airflow_errors()
    def list_escalations() -> str:
        """Write the day's file, and return its URL."""
        interval = interval_of(get_current_context())
        found = AppliedLabsHook().export_conversations(
            interval.start, interval.end, resolution="escalated", request_window=timedelta(hours=6)
        )
        lines = [f"{conversation['id']},{conversation['created_at']}\n" for conversation in found]
        # Written once all records are there, under a name that only this interval has, so that each further
        # try and each re-run replaces the file.
        path = ObjectStoragePath(
            f"{ROOT}/escalations/{interval.start:%Y%m%dT%H%M}-{interval.end:%Y%m%dT%H%M}.csv"
        )
        if path.protocol == "file":
            path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(["id,created_at\n", *lines]))
        return str(path)

    count_languages()
    count_locales()
    list_escalations()
