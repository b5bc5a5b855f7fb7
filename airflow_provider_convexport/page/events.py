"""Reads asset events and failed audits from Airflow's database: few queries, and always as many."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.models.asset import AssetEvent, AssetModel
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.taskreschedule import TaskReschedule
from airflow.models.xcom import XComModel
from sqlalchemy import Text, and_, cast, func, select

from airflow_provider_convexport.audit.report import FAILED_AUDIT_KEY

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.orm import Session


class Source(NamedTuple):
    """A task that sends events of an asset, with the newest of them and its Dag.

    :param first_at: When its first event was sent that Airflow still has.
    :param text: The newest event's ``extra``, as JSON text.
    :param run_start: Start of the data interval of the newest run that Airflow's scheduler or a backfill
        made; ``None`` if that is not known. So is ``run_end``.
    :param next_start: Start of the data interval of the Dag's next run; ``None`` without a schedule.
    """

    asset_id: int
    asset: str
    uri: str
    dag_id: str
    task_id: str
    map_index: int
    run_id: str
    first_at: float
    last_at: float
    text: str
    run_start: float | None
    run_end: float | None
    next_start: float | None
    is_paused: bool
    schedule: str


class EventRow(NamedTuple):
    """An asset event; ``text`` is its ``extra`` as JSON text. Of a failed audit, ``text`` is its XCom."""

    id: int
    asset_id: int
    at: float
    dag_id: str
    task_id: str
    run_id: str
    map_index: int
    text: str


class Waiting(NamedTuple):
    """A task that waits, such as for the end of a pause, and until when."""

    dag_id: str
    task_id: str
    run_id: str
    map_index: int
    until: float


def sources(session: Session) -> list[Source]:
    """Return each task that has sent events, of whatever asset; one query."""
    grouped = (
        select(
            func.min(AssetEvent.timestamp).label("first_at"),
            func.max(AssetEvent.id).label("last_id"),
        )
        .where(AssetEvent.source_dag_id.is_not(None))
        .group_by(
            AssetEvent.asset_id,
            AssetEvent.source_dag_id,
            AssetEvent.source_task_id,
            AssetEvent.source_map_index,
        )
        .subquery()
    )
    found = session.execute(
        select(
            AssetEvent.asset_id,
            AssetModel.name,
            AssetModel.uri,
            AssetEvent.source_dag_id,
            AssetEvent.source_task_id,
            AssetEvent.source_map_index,
            AssetEvent.source_run_id,
            grouped.c.first_at,
            AssetEvent.timestamp,
            cast(AssetEvent.extra, Text),
            DagModel.next_dagrun_data_interval_start,
            DagModel.is_paused,
            DagModel.timetable_summary,
        )
        .join(grouped, AssetEvent.id == grouped.c.last_id)
        .outerjoin(AssetModel, AssetModel.id == AssetEvent.asset_id)
        .outerjoin(DagModel, DagModel.dag_id == AssetEvent.source_dag_id)
        .order_by(AssetEvent.id)
    )
    return [_source(row) for row in found]


def _source(row: Any) -> Source:
    asset_id, name, uri, dag, task, index, run, first, last, text, following, paused, schedule = row
    return Source(
        asset_id,
        name or "",
        uri or "",
        dag,
        task or "",
        -1 if index is None else index,
        run or "",
        first.timestamp(),
        last.timestamp(),
        text,
        None,
        None,
        _seconds(following),
        bool(paused),
        schedule or "",
    )


class Planned(NamedTuple):
    """The newest event of a task from a run that the scheduler or a backfill made.

    :param text: The event's ``extra``, as JSON text.
    :param start: Start of the run's data interval, in epoch seconds.
    :param end: Its end.
    """

    text: str
    start: float
    end: float


def planned(session: Session, *, since: float) -> dict[tuple[int, str, str, int], Planned]:
    """Return the newest planned event of each asset, Dag, task and map index; one query.

    :param since: Epoch seconds of the first event that counts.
    """
    runs = and_(
        DagRun.dag_id == AssetEvent.source_dag_id,
        DagRun.run_id == AssetEvent.source_run_id,
        DagRun.run_type.in_(("scheduled", "backfill")),
        DagRun.data_interval_start.is_not(None),
    )
    of = (
        AssetEvent.asset_id,
        AssetEvent.source_dag_id,
        AssetEvent.source_task_id,
        AssetEvent.source_map_index,
    )
    last = (
        select(func.max(AssetEvent.id).label("id"))
        .join(DagRun, runs)
        .where(AssetEvent.timestamp >= datetime.fromtimestamp(since, UTC))
        .group_by(*of)
        .subquery()
    )
    found = session.execute(
        select(*of, cast(AssetEvent.extra, Text), DagRun.data_interval_start, DagRun.data_interval_end)
        .join(last, AssetEvent.id == last.c.id)
        .join(DagRun, runs)
    )
    return {
        (asset, dag or "", task or "", -1 if index is None else index): Planned(
            text, start.timestamp(), end.timestamp()
        )
        for asset, dag, task, index, text, start, end in found
        if start is not None and end is not None
    }


def events(session: Session, assets: Collection[int], *, since: float | None) -> list[EventRow]:
    """Return the events of assets in their order; one query.

    :param assets: Ids of the assets.
    :param since: Epoch seconds of the first event; ``None`` for all.
    """
    wanted = select(
        AssetEvent.id,
        AssetEvent.asset_id,
        AssetEvent.timestamp,
        AssetEvent.source_dag_id,
        AssetEvent.source_task_id,
        AssetEvent.source_run_id,
        AssetEvent.source_map_index,
        cast(AssetEvent.extra, Text),
    ).where(AssetEvent.asset_id.in_(assets), AssetEvent.source_dag_id.is_not(None))
    if since is not None:
        wanted = wanted.where(AssetEvent.timestamp >= datetime.fromtimestamp(since, UTC))
    return [
        EventRow(
            row_id,
            asset,
            at.timestamp(),
            dag or "",
            task or "",
            run or "",
            -1 if index is None else index,
            text,
        )
        for row_id, asset, at, dag, task, run, index, text in session.execute(wanted.order_by(AssetEvent.id))
    ]


def failed_audits(session: Session, *, since: float | None) -> list[EventRow]:
    """Return what audits have left that failed their tasks, in their order; one query.

    :param since: Epoch seconds of the first one; ``None`` for all.
    """
    wanted = select(
        XComModel.timestamp,
        XComModel.dag_id,
        XComModel.task_id,
        XComModel.run_id,
        XComModel.map_index,
        cast(XComModel.value, Text),
    ).where(XComModel.key == FAILED_AUDIT_KEY)
    if since is not None:
        wanted = wanted.where(XComModel.timestamp >= datetime.fromtimestamp(since, UTC))
    return [
        EventRow(0, 0, at.timestamp(), dag, task, run, index, text)
        for at, dag, task, run, index, text in session.execute(wanted.order_by(XComModel.timestamp))
        if text is not None
    ]


def waiting(session: Session, tasks: Collection[tuple[str, str]]) -> list[Waiting]:
    """Return which of some tasks handed their slots back and wait, the one that ends first first; one query.

    :param tasks: Ids of Dags and tasks.
    """
    found = session.execute(
        select(
            TaskInstance.dag_id,
            TaskInstance.task_id,
            TaskInstance.run_id,
            TaskInstance.map_index,
            func.max(TaskReschedule.reschedule_date),
        )
        .join(TaskReschedule, TaskReschedule.ti_id == TaskInstance.id)
        .where(TaskInstance.state == "up_for_reschedule")
        .group_by(TaskInstance.dag_id, TaskInstance.task_id, TaskInstance.run_id, TaskInstance.map_index)
    )
    wanted = set(tasks)
    return sorted(
        (Waiting(dag, task, run, index, until.timestamp()) for dag, task, run, index, until in found
         if (dag, task) in wanted),
        key=lambda each: each.until,
    )  # fmt: skip


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
