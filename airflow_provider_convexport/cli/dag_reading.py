"""Reads a Dag of the Dags folder: its schedule, and what its export operators export."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jinja2
import jinja2.sandbox
import pendulum
from airflow.dag_processing.bundles.manager import DagBundlesManager

from airflow_provider_convexport.cli.mapped_tasks import operators_of
from airflow_provider_convexport.compat import dag_bag, scheduler_dag
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.window import Window, parse_moment, utc, zone_of
from airflow_provider_convexport.timetables.export_window import ExportWindowTimetable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from airflow_provider_convexport.hooks.base import ExportHook
    from airflow_provider_convexport.operators.base import ExportOperator

_LONGEST = timedelta(days=400)
"""No data interval of a usual schedule is longer."""


@dataclass(frozen=True)
class ExportTask:
    """One export task of a Dag; of a mapped one, one for each item that is known before a run.

    :param operator: The operator, with its arguments as the Dag file has them.
    :param label: The task's id, and what tells a mapped task's items apart.
    :param is_complete: Whether all its items are known; otherwise this one stands for any number of them.
    """

    operator: ExportOperator
    label: str
    is_complete: bool = True

    @property
    def hook(self) -> ExportHook:
        """The hook of the task's connection."""
        return self.operator.hook

    @property
    def scope(self) -> dict[str, str] | None:
        """The shop or bot; ``None`` if the Dag and the connection do not say here."""
        try:
            return self.hook.scope()
        except ConfigurationError:
            return None

    @property
    def destination(self) -> str | None:
        """The destination; ``None`` if it is a template, which only a run can fill in."""
        destination, connection = str(self.operator.destination), self.operator.destination_conn_id or ""
        return None if "{{" in destination + connection or "{%" in destination else destination

    def interval_of(self, run: Window) -> Window:
        """Return what the task exports in a run: the run's data interval unless its arguments say otherwise.

        :raises ConfigurationError: if the arguments make no interval.
        """
        operator = self.operator
        if operator.interval_start is None or operator.interval_end is None:
            if run.length == timedelta(0) and operator.period is None:
                raise ConfigurationError(f"The task {self.label} gets intervals without length.")
            return run
        context = {
            "data_interval_start": pendulum.instance(run.start),
            "data_interval_end": pendulum.instance(run.end),
            "logical_date": pendulum.instance(run.start),
            "ds": f"{run.start:%Y-%m-%d}",
            "ts": run.start.isoformat(),
            "params": {},
        }
        start, end = (
            _filled_in(value, context) for value in (operator.interval_start, operator.interval_end)
        )
        return Window(parse_moment(start, of="interval_start"), parse_moment(end, of="interval_end"))

    @property
    def follows_the_run(self) -> bool:
        """Whether the task exports the run's data interval, and not another one beside it."""
        return self.operator.interval_start is None


@dataclass(frozen=True)
class ExportDag:
    """A Dag with export tasks.

    :param dag_id: Its id.
    :param schedule: Its schedule in words.
    :param zone: The time zone of its schedule.
    :param tasks: Its export tasks, at least one.
    :param scheduled: The Dag as the scheduler sees it.
    """

    dag_id: str
    schedule: str
    zone: ZoneInfo
    tasks: tuple[ExportTask, ...]
    scheduled: Any

    def windows(self, asked: Window) -> Sequence[Window]:
        """Return the data intervals of the runs that a backfill of a range needs, in order of time.

        :raises ConfigurationError: if the schedule has no data intervals there.
        """
        timetable = self.scheduled.timetable
        if isinstance(timetable, ExportWindowTimetable):
            return tuple(timetable.windows(asked.start, asked.end))
        found = list(self._intervals(asked.start, asked.end))
        if not found or found[0].start > asked.start:
            # The run that holds the start of the range begins before it, unless the schedule has no grid.
            earlier = self._intervals(asked.start - _LONGEST, asked.end)
            found = [each for each in earlier if each.end > asked.start]
        if not found:
            raise ConfigurationError(
                f"The Dag {self.dag_id} has the schedule {self.schedule}, which gives its runs no data "
                "interval there; give it an ExportWindowTimetable or a CronDataIntervalTimetable."
            )
        return tuple(found)

    def moment(self, text: str) -> datetime:
        """Return a moment in UTC; without a time zone it is one of the Dag's.

        :raises ConfigurationError: if the text is no moment.
        """
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return parse_moment(text, naive_as_utc=True)
        if moment.utcoffset() is not None:
            return parse_moment(text)
        try:
            return moment.replace(tzinfo=self.zone).astimezone(UTC)
        except OverflowError:
            return parse_moment(text, naive_as_utc=True)

    def _intervals(self, start: datetime, end: datetime) -> Iterator[Window]:
        for info in self.scheduled.iter_dagrun_infos_between(
            pendulum.instance(start), pendulum.instance(end)
        ):
            if info.data_interval is None:
                return
            first, last = utc(info.data_interval.start), utc(info.data_interval.end)
            if first < last and first < end:
                yield Window(first, last)


def read_dag(dag_id: str) -> ExportDag:
    """Return a Dag of the Dags folder; runs its file, as ``airflow dags list`` does.

    :raises ConfigurationError: if there is no such Dag, its file fails, or it exports nothing.
    """
    dag = _dag(dag_id)
    tasks = tuple(
        ExportTask(operator, label, is_complete)
        for task in dag.tasks
        for operator, label, is_complete in operators_of(task)
    )
    if not tasks:
        raise ConfigurationError(
            f"The Dag {dag_id} has no export operator of this package; name another Dag, or leave out "
            "--dag-id and write --vendor."
        )
    scheduled = scheduler_dag(dag)
    name = _zone_name(scheduled)
    schedule = scheduled.timetable.description or scheduled.timetable.summary
    return ExportDag(dag_id, str(schedule), zone_of(name, argument="timezone"), tasks, scheduled)


def _dag(dag_id: str) -> Any:
    problems: dict[str, str] = {}
    manager = DagBundlesManager()  # type: ignore[no-untyped-call]
    for bundle in manager.get_all_dag_bundles():
        bundle.initialize()
        if str(bundle.path) not in sys.path:
            sys.path.append(str(bundle.path))
        bag = dag_bag(bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)
        if dag := bag.dags.get(dag_id):
            return dag
        problems |= bag.import_errors
    broken = f" These files cannot be imported: {', '.join(sorted(map(str, problems)))}." if problems else ""
    raise ConfigurationError(
        f"There is no Dag {dag_id} in the Dags folder; airflow dags list shows those that there are.{broken}"
    )


def _zone_name(dag: Any) -> str:
    with contextlib.suppress(NotImplementedError):
        if name := dag.timetable.serialize().get("timezone"):
            return str(name)
    return str(dag.timezone.name)


def _filled_in(value: Any, context: Mapping[str, Any]) -> Any:
    """Return a template with the dates of a run.

    :raises ConfigurationError: if it needs what only a run has.
    """
    if not isinstance(value, str):
        return value
    try:
        environment = jinja2.sandbox.SandboxedEnvironment(undefined=jinja2.StrictUndefined)
        return environment.from_string(value).render(**context)
    except jinja2.TemplateError:
        raise ConfigurationError(f"The template {value} can be filled in by a run only.") from None
