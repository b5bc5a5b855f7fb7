"""Which task instance, and which of its tries, an export belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.export.job import TaskTry

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context


def task_of(context: Context, operator: BaseOperator) -> TaskTry:
    """Return the task instance and its try.

    :param context: The task's context; any of its keys may be missing, as in a call of ``execute`` by hand.
    :param operator: The task, whose Dag and id count where the context has no task instance.
    """
    ti: Any = context.get("ti")
    run_id = context.get("run_id") or getattr(context.get("dag_run"), "run_id", None)
    return TaskTry(
        dag_id=str(getattr(ti, "dag_id", "") or _dag_id(operator)),
        task_id=operator.task_id,
        run_id=str(run_id or getattr(ti, "run_id", "") or ""),
        map_index=_integer(getattr(ti, "map_index", None), default=-1),
        try_number=_integer(getattr(ti, "try_number", None), default=1),
    )


def _dag_id(operator: BaseOperator) -> str:
    return operator.dag_id if operator.has_dag() else ""  # type: ignore[no-untyped-call]


def _integer(value: Any, *, default: int) -> int:
    return value if isinstance(value, int) else default
