"""Two ways to read what ``ada_daily`` exports, in Dags of other teams.

* ``ada_consumer`` runs after every export. The asset event lists the manifests that were written.
* ``ada_daily_report`` has its own schedule and waits until its day is published. It sends no request to Ada.

Requirements:

* the Dag ``ada_daily``, which writes the exports and sends the asset events
* the same ``AIRFLOW_VAR_CONVEXPORT_ROOT`` as ``ada_daily``, if that is set; the asset's URI is made from it
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, Asset, ObjectStoragePath, task
from airflow.timetables.interval import CronDataIntervalTimetable  # in airflow.sdk as well since Airflow 3.2

from airflow_provider_convexport.manual_runs import interval_params
from airflow_provider_convexport.sensors.interval_settled import ExportIntervalSettledSensor
from airflow_provider_convexport.sensors.partition import ExportPartitionSensor
from airflow_provider_convexport.triggering_events import manifests_of_events

# Read from the environment, because the URI of an asset must be known when the file is parsed, and
# ``Variable.get`` would query the database at every parse.
ROOT = os.environ.get("AIRFLOW_VAR_CONVEXPORT_ROOT", "file:///tmp/convexport") + "/ada"

conversations = Asset(
    "ada_conversations", uri=f"{ROOT}/conversations", extra={"vendor": "ada", "stream": "conversations"}
)

with DAG(
    dag_id="ada_consumer",
    description="Reads the manifests of every export of Ada's conversations.",
    doc_md=__doc__,
    schedule=[conversations],
    tags=["convexport", "ada"],
) as consumer:

    @task(inlets=[conversations])
    def read_manifests(**context: Any) -> list[str]:
        """Return the manifests that were written since the last run of this Dag, and some of it again."""
        return manifests_of_events(context)

    read_manifests()

with DAG(
    dag_id="ada_daily_report",
    description="Counts the conversations that Ada's daily export published for a day.",
    doc_md=__doc__,
    params=interval_params(),
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["convexport", "ada"],
) as dag:
    # A Dag that exports does not need this sensor: its operators wait by themselves.
    settled = ExportIntervalSettledSensor(task_id="settled", vendor="ada", mode="reschedule")
    published = ExportPartitionSensor(
        task_id="published", destination=f"{ROOT}/conversations", mode="reschedule", poke_interval=300
    )

    @task
    def count_lines(facts: dict[str, Any]) -> int:
        """Return the number of lines in the files that the day's manifests list."""
        total = 0
        for url in facts["manifests"]:
            manifest = ObjectStoragePath(url)
            total += sum(file["records"] for file in json.loads(manifest.read_text())["files"])
        return total

    settled >> published
    count_lines(published.output)
