"""Which task instance, and which of its tries, an export belongs to."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow_provider_convexport.export.job import TaskTry

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context


def task_of(context: Context, operator: BaseOperator) -> TaskTry:
    """Return the try of the task instance that runs.

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
        order=_order(ti),
    )


def _order(ti: Any) -> int:
    """Return the order of a try: the milliseconds at which Airflow created it, or else its number.

    Airflow gives each try an id of its own, a UUID of version 7, which begins with the time of its creation
    (RFC 9562, section 5.7). The number of the try alone begins at 1 again if a Dag run is deleted and created
    again under the same id, while objects of its former tries may still be in staging.
    """
    identity = getattr(ti, "id", None)
    if isinstance(identity, str):
        with contextlib.suppress(ValueError):
            identity = UUID(identity)
    if isinstance(identity, UUID) and identity.version == 7:
        return identity.int >> 80
    return _integer(getattr(ti, "try_number", None), default=1)


def _dag_id(operator: BaseOperator) -> str:
    return operator.dag_id if operator.has_dag() else ""  # type: ignore[no-untyped-call]


def _integer(value: Any, *, default: int) -> int:
    return value if isinstance(value, int) else default
