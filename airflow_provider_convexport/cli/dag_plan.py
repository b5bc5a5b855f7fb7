"""Plans a backfill of a Dag: which of its runs are needed, and what all of its export tasks cost together."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_convexport.cli.backfill_plan import least_duration, plan_backfill, range_between
from airflow_provider_convexport.cli.progress import NO_PROGRESS
from airflow_provider_convexport.cli.window_sets import union
from airflow_provider_convexport.export.window import Window
from airflow_provider_convexport.hooks.base import as_parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_convexport.cli.backfill_plan import BackfillPlan, State
    from airflow_provider_convexport.cli.dag_reading import ExportDag, ExportTask
    from airflow_provider_convexport.cli.progress import Progress
    from airflow_provider_convexport.export.dataset.store import Store


class PlannedTask(NamedTuple):
    """What one export task has to do in the runs.

    :param task: The task.
    :param plan: Its plan; a run of it is to be exported or not, apart from other tasks.
    """

    task: ExportTask
    plan: BackfillPlan


class PlannedDagRun(NamedTuple):
    """One run of the Dag.

    :param window: Its data interval.
    :param state: ``"to export"`` if one of its tasks has something to export; otherwise ``"not settled"``,
        ``"published"`` or ``"expired"``.
    :param requests: The minimum number of requests of all its tasks; zero unless it is to be exported.
    """

    window: Window
    state: State
    requests: int


@dataclass(frozen=True, slots=True)
class DagPlan:
    """A backfill of a Dag.

    :param dag: The Dag.
    :param asked: The range of time that was asked for.
    :param tasks: The plans of its tasks.
    :param runs: Its runs, in order of time.
    """

    dag: ExportDag
    asked: Window
    tasks: tuple[PlannedTask, ...]
    runs: tuple[PlannedDagRun, ...]

    @property
    def to_export(self) -> list[PlannedDagRun]:
        """The runs that are to be created."""
        return [run for run in self.runs if run.state == "to export"]

    @property
    def requests(self) -> int:
        """The minimum number of requests."""
        return sum(run.requests for run in self.to_export)

    @property
    def min_duration(self) -> timedelta:
        """The minimum time that they take at the vendors' limits; no vendor waits for another one."""
        needed: dict[tuple[str, str], int] = defaultdict(int)
        limits = {}
        for planned in self.tasks:
            vendor = planned.plan.stream.vendor
            needed[vendor, planned.plan.stream.name] += self.requests_of(planned)
            limits[vendor] = planned.plan.hook.limits
        longest = timedelta(0)
        for vendor, known in limits.items():
            counts = [count for (of, _), count in needed.items() if of == vendor]
            for limit in known:
                count = max(counts) if limit.per_endpoint else sum(counts)
                longest = max(longest, least_duration(count, limit))
        return longest

    def requests_of(self, planned: PlannedTask) -> int:
        """Return the minimum number of requests of one task in the runs that are to be created."""
        return sum(
            cost for run, cost in zip(self.runs, _costs(planned), strict=True) if run.state == "to export"
        )

    @property
    def pools(self) -> list[str]:
        """The pools of the export tasks."""
        return sorted({planned.task.operator.pool for planned in self.tasks})

    def slots_of(self, pool: str) -> int:
        """Return the recommended number of slots of a pool."""
        return max(each.plan.hook.pool_slots for each in self.tasks if each.task.operator.pool == pool)

    @property
    def needs_clip(self) -> list[str]:
        """The tasks that fail because the vendor no longer keeps all of what they export."""
        return [
            each.task.label
            for each in self.tasks
            if each.task.operator.on_expired == "fail"
            and any(
                mine.lost is not None
                for run, mine in zip(self.runs, each.plan.runs, strict=True)
                if run.state == "to export"
            )
        ]


def plan_dag(
    dag: ExportDag,
    *,
    start: datetime,
    end: datetime,
    store_of: Callable[[ExportTask], Store | None],
    now: datetime | None = None,
    progress: Progress = NO_PROGRESS,
) -> DagPlan:
    """Plan a backfill of a Dag.

    :param dag: The Dag.
    :param start: Start of the range, inclusive, with a time zone.
    :param end: End of the range, exclusive, with a time zone.
    :param store_of: Returns where a task publishes; ``None`` if that is not known.
    :param now: The current time, UTC; the clock's if left out.
    :param progress: Shows how many manifests have been read.
    :raises ConfigurationError: if the range or an argument of a task cannot be used, or a destination holds
        something else.
    """
    moment = now or datetime.now(UTC)
    asked = range_between(start, end, moment)
    windows = dag.windows(asked)
    tasks = tuple(
        PlannedTask(
            task, _plan(dag, task, windows, asked, store=store_of(task), now=moment, progress=progress)
        )
        for task in dag.tasks
    )
    deciding = [each for each in tasks if each.task.follows_the_run] or list(tasks)
    runs = []
    for index, window in enumerate(windows):
        state = _state({each.plan.runs[index].state for each in deciding})
        cost = sum(_costs(each)[index] for each in tasks) if state == "to export" else 0
        runs.append(PlannedDagRun(window, state, cost))
    return DagPlan(dag, asked, tasks, tuple(runs))


def lost(plan: DagPlan) -> list[Window]:
    """Return what the vendors no longer keep of the range, and is not published, of any task."""
    return union(window for each in plan.tasks for window in each.plan.expired)


def _plan(
    dag: ExportDag,
    task: ExportTask,
    runs: Sequence[Window],
    asked: Window,
    *,
    store: Store | None,
    now: datetime,
    progress: Progress,
) -> BackfillPlan:
    operator = task.operator
    windows = [task.interval_of(run) for run in runs]
    if not task.follows_the_run:
        asked = Window(windows[0].start, windows[-1].end)
    filters = {name: as_parameter(value) for name, value in (operator.filters or {}).items()}
    return plan_backfill(
        str(task.hook.conn_type),
        stream=operator.stream,
        start=asked.start,
        end=asked.end,
        windows=windows,
        window_on=operator.window_on,
        filters=filters,
        settle=operator.settle,
        request_window=operator.request_window,
        dag_id=dag.dag_id,
        store=store,
        scope=task.scope,
        now=now,
        progress=progress,
    )


def _costs(planned: PlannedTask) -> list[int]:
    return [run.repeat_requests for run in planned.plan.runs]


def _state(states: set[State]) -> State:
    """Return the state of a run; a run that has not settled for one of its tasks waits as a whole."""
    order: tuple[State, ...] = ("not settled", "to export", "published")
    return next((state for state in order if state in states), "expired")
