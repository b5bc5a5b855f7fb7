"""Writes the plan of a backfill for people and for programs, and the commands that carry it out."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.backfill_command import backfill_command
from airflow_provider_convexport.cli.dag_plan_text import wait_sentence
from airflow_provider_convexport.cli.pools import not_looked, pool_commands
from airflow_provider_convexport.cli.words import all_bounds, bounds, list_of, rates, time_in_words
from airflow_provider_convexport.durations import in_words
from airflow_provider_convexport.export.window import iso
from airflow_provider_convexport.timetables.export_window import ExportWindowTimetable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_convexport.cli.backfill_plan import BackfillPlan, PlannedRun
    from airflow_provider_convexport.cli.pools import PoolLookup
    from airflow_provider_convexport.export.window import Window

_DAY = timedelta(days=1)


def plan_text(backfill: BackfillPlan, *, is_usable: PoolLookup = not_looked) -> str:
    """Return a plan as a table of runs, sentences, and the commands to run.

    :param backfill: The plan.
    :param is_usable: Looks for the pool.
    """
    head = f"Backfill of {_title(backfill)} for {backfill.asked}:"
    advice = _advice(backfill, shell_commands(backfill, is_usable=is_usable))
    return "\n".join([head, "", *_table(backfill), "", *_sentences(backfill), "", *advice])


def plan_values(backfill: BackfillPlan, *, is_usable: PoolLookup = not_looked) -> dict[str, Any]:
    """Return a plan as JSON values; spans of time are half-open pairs of ISO-8601 texts in UTC.

    :param backfill: The plan.
    :param is_usable: Looks for the pool.
    """
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
        "commands": shell_commands(backfill, is_usable=is_usable),
    }


def shell_commands(backfill: BackfillPlan, *, is_usable: PoolLookup = not_looked) -> list[str]:
    """Return the commands that carry out a plan; none if there is nothing to export.

    :param backfill: The plan.
    :param is_usable: Looks for the pool.
    """
    slots = backfill.hook.pool_slots
    backfills = [
        backfill_command(backfill.dag_id, windows[0].start, windows[-1].start, slots=slots)
        for windows in _stretches(backfill)
    ]
    if not backfills:
        return []
    pool = pool_commands(
        backfill.pool,
        slots=slots,
        description=f"Exports from {backfill.hook.title}",
        usable=is_usable(backfill.pool),
    )
    # Airflow starts no runs of a paused Dag, not even those of a backfill.
    return [*pool, f"airflow dags unpause {backfill.dag_id}", *backfills]


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


def _advice(backfill: BackfillPlan, lines: list[str]) -> Iterator[str]:
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


def _stretches(backfill: BackfillPlan) -> Iterator[list[Window]]:
    """Yield the windows of each backfill to create: consecutive runs that are all to be exported."""
    for is_due, runs in groupby(backfill.runs, key=lambda run: run.state == "to export"):
        if is_due:
            yield [run.window for run in runs]
