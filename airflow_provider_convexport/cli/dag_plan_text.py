"""Writes the plan of a Dag's backfill for people and for programs, and the commands that carry it out."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.backfill_command import backfill_command
from airflow_provider_convexport.cli.dag_plan import lost
from airflow_provider_convexport.cli.pools import not_looked, pool_commands
from airflow_provider_convexport.cli.words import (
    all_bounds,
    bounds,
    counted,
    list_of,
    named_values,
    rates,
    time_in_words,
)
from airflow_provider_convexport.durations import in_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_convexport.cli.dag_plan import DagPlan, PlannedTask
    from airflow_provider_convexport.cli.pools import PoolLookup
    from airflow_provider_convexport.export.window import Window


def dag_plan_text(plan: DagPlan, *, is_usable: PoolLookup = not_looked) -> str:
    """Return a plan as a table of runs, the tasks, sentences, and the commands to run.

    :param plan: The plan.
    :param is_usable: Looks for a pool.
    """
    head = f"Backfill of the Dag {plan.dag.dag_id} for {plan.asked}:"
    schedule = f"Schedule: {plan.dag.schedule}; time zone {plan.dag.zone.key}."
    advice = _advice(plan, dag_commands(plan, is_usable=is_usable))
    return "\n".join(
        [head, schedule, "", *_table(plan), "", *_tasks(plan), "", *_sentences(plan), "", *advice]
    )


def dag_plan_values(plan: DagPlan, *, is_usable: PoolLookup = not_looked) -> dict[str, Any]:
    """Return a plan as JSON values; spans of time are half-open pairs of ISO-8601 texts in UTC.

    :param plan: The plan.
    :param is_usable: Looks for a pool.
    """
    return {
        "dag_id": plan.dag.dag_id,
        "schedule": plan.dag.schedule,
        "timezone": plan.dag.zone.key,
        "asked": bounds(plan.asked),
        "runs": [
            {"interval": bounds(run.window), "state": run.state, "requests": run.requests}
            for run in plan.runs
        ],
        "tasks": [_task_values(plan, each) for each in plan.tasks],
        "requests": plan.requests,
        "least_seconds": plan.min_duration.total_seconds(),
        "expired": all_bounds(lost(plan)),
        "commands": dag_commands(plan, is_usable=is_usable),
    }


def dag_commands(plan: DagPlan, *, is_usable: PoolLookup = not_looked) -> list[str]:
    """Return the commands that carry out a plan; none if there is nothing to export.

    :param plan: The plan.
    :param is_usable: Looks for a pool.
    """
    backfills = backfill_commands(plan)
    # default_pool exists in every Airflow.
    pools = [
        command
        for pool in plan.pools
        if backfills and pool != "default_pool"
        for command in pool_commands(
            pool, slots=plan.slots_of(pool), description="Exports", usable=is_usable(pool)
        )
    ]
    # Airflow starts no runs of a paused Dag, not even those of a backfill.
    return [*pools, f"airflow dags unpause {plan.dag.dag_id}", *backfills] if backfills else []


def backfill_commands(plan: DagPlan) -> list[str]:
    """Return one command for each stretch of runs that are all to be exported."""
    slots = max(plan.slots_of(pool) for pool in plan.pools)
    return [
        backfill_command(plan.dag.dag_id, windows[0].start, windows[-1].start, slots=slots)
        for windows in _stretches(plan)
    ]


def _stretches(plan: DagPlan) -> Iterator[list[Window]]:
    for is_due, runs in groupby(plan.runs, key=lambda run: run.state == "to export"):
        if is_due:
            yield [run.window for run in runs]


def _table(plan: DagPlan) -> Iterator[str]:
    yield f"{'data interval':<42} {'requests':>8}  state"
    for run in plan.runs:
        yield f"{run.window!s:<42} {run.requests:>8}  {run.state}"


def _tasks(plan: DagPlan) -> Iterator[str]:
    yield f"Its {counted(len(plan.tasks), 'export task')}:"
    for each in plan.tasks:
        task, backfill = each.task, each.plan
        scope = named_values(task.scope or {})
        yield (
            f"  {task.label}: {backfill.stream.title} {backfill.stream.name}{scope}, "
            f"{in_words(backfill.request_window)} per request, at least "
            f"{counted(plan.requests_of(each), 'request')}"
        )
        yield f"    {_published(each)}"
        if not task.is_complete:
            yield "    It is mapped over what a run finds out, and is counted once."


def _published(each: PlannedTask) -> str:
    destination = each.task.destination
    if each.plan.published is None:
        return "Its destination is a template, so nothing is known of what is published."
    if not each.task.follows_the_run:
        return f"{destination}: it exports other days than those of the run, so it decides about no run."
    return f"{destination}: published: {list_of(each.plan.published)}; missing: {list_of(each.plan.gaps)}"


def _sentences(plan: DagPlan) -> Iterator[str]:
    counts = [
        f", {count} {state}"
        for state in ("published", "not settled", "expired")
        if (count := sum(run.state == state for run in plan.runs))
    ]
    yield f"Runs: {len(plan.runs)}; {len(plan.to_export)} to export{''.join(counts)}."
    yield f"Requests: at least {plan.requests}, if the records of each request window fit on one page."
    vendors = {each.plan.hook.title: each.plan.hook for each in plan.tasks}
    limits = "; ".join(f"{title}: {rates(hook.limits)}" for title, hook in sorted(vendors.items()))
    yield f"Time: {time_in_words(plan.min_duration)} at the vendor's rate limits ({limits})."
    if windows := lost(plan):
        yield f"No longer kept by the vendor and not published: {list_of(windows)}."


def _advice(plan: DagPlan, lines: list[str]) -> Iterator[str]:
    if not lines:
        yield "There is nothing to do."
        return
    if failing := plan.needs_clip:
        yield (
            f"{', '.join(failing)} would fail, because the vendor no longer keeps all of it; set "
            'on_expired="clip" there.'
        )
    yield "Run these commands, which fit the Dag's own schedule, or let --run do it:"
    yield ""
    yield from lines
    if len(backfill_commands(plan)) > 1:
        yield ""
        yield wait_sentence(plan.dag.dag_id)


def wait_sentence(dag_id: str) -> str:
    """Return what to wait for between several backfills of a Dag."""
    return (
        f"A Dag takes one backfill at a time: run the next airflow backfill create only when the page of "
        f"{dag_id} shows the backfill before as completed, which is up to a minute after its last run."
    )


def _task_values(plan: DagPlan, each: PlannedTask) -> dict[str, Any]:
    looked = each.plan.published is not None
    return {
        "task": each.task.label,
        "vendor": each.plan.stream.vendor,
        "stream": each.plan.stream.name,
        "scope": each.task.scope,
        "destination": each.task.destination,
        "requests": plan.requests_of(each),
        "published": all_bounds(each.plan.published or ()) if looked else None,
        "gaps": all_bounds(each.plan.gaps) if looked else None,
        "expired": all_bounds(each.plan.expired),
    }
