"""The command ``airflow convexport plan``: what a backfill costs, and the commands that start it."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.cli.backfill_plan import plan_backfill
from airflow_provider_convexport.cli.backfill_runs import BackfillRunner, call_airflow, latest_backfill
from airflow_provider_convexport.cli.console import Answer, as_json, console_command
from airflow_provider_convexport.cli.dag_plan import plan_dag
from airflow_provider_convexport.cli.dag_plan_text import dag_commands, dag_plan_text, dag_plan_values
from airflow_provider_convexport.cli.dag_reading import read_dag
from airflow_provider_convexport.cli.options import pairs_of, scope_of
from airflow_provider_convexport.cli.plan_text import plan_text, plan_values
from airflow_provider_convexport.cli.pools import is_usable, is_usable_if_known
from airflow_provider_convexport.cli.progress import progress_bar
from airflow_provider_convexport.destination import store_at
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.window import parse_moment
from airflow_provider_convexport.timetables.export_window import ExportWindowTimetable

if TYPE_CHECKING:
    import argparse

    from airflow_provider_convexport.cli.dag_reading import ExportTask
    from airflow_provider_convexport.export.dataset.store import Store

FAILED = 6
"""Exit code: runs of a backfill have failed."""

_OF_THE_DAG = (
    "vendor",
    "stream",
    "destination",
    "destination_conn_id",
    "conn_id",
    "scope",
    "window_on",
    "filter",
    "unit",
    "size",
    "timezone",
    "request_window",
)
"""Options that a Dag answers itself."""


@console_command
def plan(options: argparse.Namespace) -> str | Answer:
    """Return the plan of a backfill, as text or as JSON.

    :raises ConfigurationError: if the options make no plan; says what to write instead.
    """
    if options.dag_id:
        return _plan_of_dag(options)
    if options.run:
        raise ConfigurationError("--run needs --dag-id, because it runs the backfills of that Dag.")
    if not options.vendor:
        raise ConfigurationError(
            "Neither --dag-id nor --vendor is given; name a Dag, or a vendor such as ada."
        )
    destination = options.destination
    with progress_bar() as progress:
        backfill = plan_backfill(
            options.vendor,
            stream=options.stream or "conversations",
            start=parse_moment(options.start, naive_as_utc=True),
            end=parse_moment(options.end, naive_as_utc=True),
            timetable=_timetable(options),
            request_window=_request_window(options.request_window),
            window_on=options.window_on,
            filters=pairs_of(options.filter, option="--filter", example="channel=chat"),
            store=store_at(destination, conn_id=options.destination_conn_id) if destination else None,
            scope=scope_of(options.scope, conn_id=options.conn_id),
            progress=progress,
        )
    if options.output == "json":
        return as_json(plan_values(backfill, is_usable=is_usable_if_known))
    return plan_text(backfill, is_usable=is_usable_if_known)


def _timetable(options: argparse.Namespace) -> ExportWindowTimetable:
    schedule: dict[str, Any] = {"unit": options.unit, "size": options.size, "timezone": options.timezone}
    return ExportWindowTimetable.for_vendor(
        options.vendor,
        stream=options.stream or "conversations",
        **{name: value for name, value in schedule.items() if value is not None},
    )


def _plan_of_dag(options: argparse.Namespace) -> str | Answer:
    """Return the plan of a Dag's backfill, and carry it out if that was asked for.

    :raises ConfigurationError: if options contradict the Dag, or a command fails.
    """
    given = [f"--{name.replace('_', '-')}" for name in _OF_THE_DAG if getattr(options, name) is not None]
    if given:
        raise ConfigurationError(
            f"{', '.join(given)} cannot be given with --dag-id, because the Dag says that; leave one out."
        )
    with progress_bar() as progress:
        progress.begin("Reading the Dags folder")
        dag = read_dag(options.dag_id)
        planned = plan_dag(
            dag,
            start=dag.moment(options.start),
            end=dag.moment(options.end),
            store_of=_store_of,
            progress=progress,
        )
    if not options.run:
        if options.output == "json":
            return as_json(dag_plan_values(planned, is_usable=is_usable_if_known))
        return dag_plan_text(planned, is_usable=is_usable_if_known)
    if options.output == "json":
        raise ConfigurationError("--run tells how far it is, in lines; leave out --output json.")
    sys.stdout.write(f"{dag_plan_text(planned, is_usable=is_usable)}\n\n")
    runner = BackfillRunner(options.dag_id, _tell, call_airflow, latest_backfill)
    failed = runner.run(dag_commands(planned, is_usable=is_usable))
    if failed:
        return Answer(
            f"Runs that have failed or were left out: {failed}. What has failed continues if it is cleared.",
            FAILED,
        )
    return "All runs have succeeded." if planned.to_export else "Nothing was run."


def _store_of(task: ExportTask) -> Store | None:
    if task.destination is None:
        return None
    return store_at(task.operator.destination, conn_id=task.operator.destination_conn_id)


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _request_window(days: float | None) -> timedelta | None:
    if days is None:
        return None
    try:
        return timedelta(days=days)
    except (OverflowError, ValueError):
        raise ConfigurationError(
            f"--request-window {days:g} is not a number of days; write such as 7, or leave it out."
        ) from None
