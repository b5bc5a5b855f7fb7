"""What Airflow does with a timetable, without a database."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pendulum
from airflow.sdk import DAG
from airflow.timetables.base import TimeRestriction

from airflow_provider_convexport.export.window import utc

try:
    from airflow.serialization.serialized_objects import DagSerialization
except ImportError:  # Airflow 3.1
    from airflow.serialization.serialized_objects import SerializedDAG as DagSerialization


def moment(*parts):
    """A moment as Airflow hands it to timetables."""
    return pendulum.instance(datetime(*parts, tzinfo=UTC))


def stored_dag(timetable):
    """A Dag as the scheduler, backfills and the API server read it from the database."""
    dag = DAG("walk", schedule=timetable, start_date=datetime(2020, 1, 1, tzinfo=UTC))
    return DagSerialization.deserialize_dag(json.loads(json.dumps(DagSerialization.serialize_dag(dag))))


def backfill(timetable, earliest, latest):
    return list(stored_dag(timetable).iter_dagrun_infos_between(earliest, latest))


def schedule(timetable, earliest, latest):
    return list(iter_schedule(timetable, TimeRestriction(earliest, latest, catchup=True)))


def iter_schedule(timetable, restriction, last=None):
    while info := timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction):
        yield info
        last = info.data_interval


def texts(infos):
    return [
        f"{info.data_interval.start.isoformat()[:16]}..{info.data_interval.end.isoformat()[:16]}"
        for info in infos
    ]


def lengths(infos):
    return [utc(info.data_interval.end) - utc(info.data_interval.start) for info in infos]
