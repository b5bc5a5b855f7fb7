"""The command ``airflow convexport plan``: what a backfill costs, and the commands that start it."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.backfill_command import backfill_command
from airflow_provider_convexport.cli.backfill_plan import plan_backfill
from airflow_provider_convexport.cli.backfill_runs import BackfillRunner, call_airflow, latest_backfill
from airflow_provider_convexport.cli.console import Answer, as_json, console_command
from airflow_provider_convexport.cli.dag_plan import plan_dag
from airflow_provider_convexport.cli.dag_plan_text import (
    dag_commands,
    dag_plan_text,
    dag_plan_values,
    wait_sentence,
)
from airflow_provider_convexport.cli.dag_reading import read_dag
from airflow_provider_convexport.cli.options import pairs_of, scope_of
from airflow_provider_convexport.cli.progress import progress_bar
from airflow_provider_convexport.cli.words import all_bounds, bounds, list_of, rates, time_in_words
from airflow_provider_convexport.destination import store_at
from airflow_provider_convexport.durations import in_words
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.window import iso, parse_moment
from airflow_provider_convexport.timetables.export_window import ExportWindowTimetable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from airflow_provider_convexport.cli.backfill_plan import BackfillPlan, PlannedRun
    from airflow_provider_convexport.cli.dag_reading import ExportTask
    from airflow_provider_convexport.export.dataset.store import Store
    from airflow_provider_convexport.export.window import Window

FAILED = 6
"""Exit code: runs of a backfill have failed."""

_DAY = timedelta(days=1)
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
    return as_json(plan_values(backfill)) if options.output == "json" else plan_text(backfill)


def plan_text(backfill: BackfillPlan) -> str:
    """Return a plan as a table of runs, sentences, and the commands to run."""
    head = f"Backfill of {_title(backfill)} for {backfill.asked}:"
    return "\n".join([head, "", *_table(backfill), "", *_sentences(backfill), "", *_advice(backfill)])


def plan_values(backfill: BackfillPlan) -> dict[str, Any]:
    """Return a plan as JSON values; spans of time are half-open pairs of ISO-8601 texts in UTC."""
    looked = backfill.published is not None
    return {
        "vendor": backfill.stream.vendor,
        "stream": backfill.stream.name,
        "asked": bounds(backfill.asked),
        "span": bounds(backfill.span),
        "runs": [_run_values(run) for run in backfill.runs],
        "requests": backfill.requests,
        "daily_requests": backfill.daily_requests,
        "least_seconds": backfill.min_duration.total_seconds(),
        "expired": all_bounds(backfill.expired),
        "published": all_bounds(backfill.published or ()) if looked else None,
        "gaps": all_bounds(backfill.gaps) if looked else None,
        "overlaps": all_bounds(backfill.overlaps),
        "commands": shell_commands(backfill),
    }


def shell_commands(backfill: BackfillPlan) -> list[str]:
    """Return the commands that carry out a plan; none if there is nothing to export."""
    slots = backfill.hook.pool_slots
    backfills = [
        backfill_command(backfill.dag_id, windows[0].start, windows[-1].start, slots=slots)
        for windows in _stretches(backfill)
    ]
    pool = f'airflow pools set {backfill.pool} {slots} "Exports from {backfill.hook.title}"'
    # Airflow starts no runs of a paused Dag, not even those of a backfill.
    unpause = f"airflow dags unpause {backfill.dag_id}"
    return [pool, unpause, *backfills] if backfills else []


def _timetable(options: argparse.Namespace) -> ExportWindowTimetable:
    schedule: dict[str, Any] = {"unit": options.unit, "size": options.size, "timezone": options.timezone}
    return ExportWindowTimetable.for_vendor(
        options.vendor,
        stream=options.stream or "conversations",
        **{name: value for name, value in schedule.items() if value is not None},
    )


def _title(backfill: BackfillPlan) -> str:
    return f"{backfill.stream.title} {backfill.stream.name}"


def _run_values(run: PlannedRun) -> dict[str, Any]:
    return {
        "interval": bounds(run.window),
        "state": run.state,
        "kept": None if run.kept is None else bounds(run.kept),
        "requests": run.requests,
    }


def _table(backfill: BackfillPlan) -> Iterator[str]:
    yield f"{'data interval':<42} {'days':>5} {'requests':>8}  state"
    for run in backfill.runs:
        days = run.window.length / _DAY
        note = "" if run.kept is None else f" from {iso(run.kept.start)} (what is earlier has expired)"
        yield f"{run.window!s:<42} {days:>5g} {run.requests:>8}  {run.state}{note}"


def _sentences(backfill: BackfillPlan) -> Iterator[str]:
    yield _run_counts(backfill)
    yield (
        f"Requests: at least {backfill.requests}, if the records of each request window "
        f"({in_words(backfill.request_window)}) fit on one page; runs of one day would take at least "
        f"{backfill.daily_requests}."
    )
    yield (
        f"Time: {time_in_words(backfill.min_duration)} at the vendor's rate limits "
        f"(requests: {rates(backfill.hook.limits)})."
    )
    yield from _vendor_sentences(backfill)
    if backfill.published is not None:
        missing = list_of(backfill.gaps)
        yield f"Published: {list_of(backfill.published)}. Gaps in the range asked for: {missing}."
        yield f"Published more than once: {list_of(backfill.overlaps)}."


def _run_counts(backfill: BackfillPlan) -> str:
    counts = {
        state: sum(1 for run in backfill.runs if run.state == state)
        for state in ("published", "not settled", "expired")
    }
    others = "".join(f", {count} {state}" for state, count in counts.items() if count)
    return f"Runs: {len(backfill.runs)}; {len(backfill.to_export)} to export{others}."


def _vendor_sentences(backfill: BackfillPlan) -> Iterator[str]:
    stream = backfill.stream
    if stream.max_window is None:
        yield (
            f"{stream.title} states no maximum for a request window; set the operator's request_window= to "
            f"ask for more than {in_words(stream.request_window)} per request."
        )
    if stream.history is not None and backfill.expired:
        yield (
            f"{stream.title} keeps {stream.name} for {in_words(stream.history)}; no longer kept and not "
            f"published: {list_of(backfill.expired)}."
        )


def _advice(backfill: BackfillPlan) -> Iterator[str]:
    lines = shell_commands(backfill)
    if not lines:
        yield "There is nothing to do."
        return
    if any(run.kept is not None for run in backfill.to_export):
        yield 'The operator needs on_expired="clip", because the vendor no longer keeps all of its first run.'
    yield (
        f"The commands need a Dag {backfill.dag_id} with the schedule {_schedule(backfill)}. If yours has "
        "another, name it with --dag-id, which reads its schedule. Otherwise run:"
    )
    yield ""
    yield from lines
    if sum(line.startswith("airflow backfill") for line in lines) > 1:
        yield ""
        yield wait_sentence(backfill.dag_id)


def _schedule(backfill: BackfillPlan) -> str:
    timetable = backfill.timetable
    if timetable is None:
        return "that these data intervals come from"
    usual = ExportWindowTimetable.for_vendor(backfill.stream.vendor, stream=backfill.stream.name)
    arguments = [f'"{backfill.stream.vendor}"']
    if backfill.stream.name != "conversations":
        arguments.append(f'stream="{backfill.stream.name}"')
    here, there = timetable.serialize(), usual.serialize()
    arguments += [
        f"{name}={json.dumps(here[name])}"
        for name in ("unit", "size", "timezone")
        if here[name] != there[name]
    ]
    return f"ExportWindowTimetable.for_vendor({', '.join(arguments)})"


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
        return as_json(dag_plan_values(planned)) if options.output == "json" else dag_plan_text(planned)
    if options.output == "json":
        raise ConfigurationError("--run tells how far it is, in lines; leave out --output json.")
    sys.stdout.write(f"{dag_plan_text(planned)}\n\n")
    runner = BackfillRunner(options.dag_id, _tell, call_airflow, latest_backfill)
    failed = runner.run(dag_commands(planned))
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


def _stretches(backfill: BackfillPlan) -> Iterator[list[Window]]:
    """Yield the windows of each backfill to create: consecutive runs that are all to be exported."""
    for is_due, runs in groupby(backfill.runs, key=lambda run: run.state == "to export"):
        if is_due:
            yield [run.window for run in runs]
