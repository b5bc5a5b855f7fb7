"""Writes to the task's log what an export did; the summary is the last record."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow_provider_convexport.log_lines import in_lines

if TYPE_CHECKING:
    from airflow_provider_convexport.export.job import Job
    from airflow_provider_convexport.export.outcome import Outcome

log = logging.getLogger(__name__)

_WORTH_TELLING = 0.5


def log_outcome(job: Job, outcome: Outcome, *, url: str) -> None:
    """Warn of what deserves a look, then write the summary.

    :param job: The export.
    :param outcome: What it published.
    :param url: Root of the dataset.
    """
    _warn(job, outcome)
    log.info("%s", in_lines(summary_of(job, outcome, url=url)))


def summary_of(job: Job, outcome: Outcome, *, url: str) -> str:
    """Return one sentence: what was exported, where it went and what it took. Filters are left out."""
    query, usage = job.query, outcome.plan.usage
    where = ", ".join(
        f"{name}={value}" for name, value in {**query.scope, "window_on": query.window_on}.items()
    )
    took = [
        _count(outcome.files, "file"),
        _count(outcome.bytes, "byte"),
        _count(usage.requests, "request"),
        f"{usage.throttled_seconds:.0f} s waited for the vendor's limits",
    ]
    if usage.retry_seconds >= _WORTH_TELLING:
        took.append(f"{usage.retry_seconds:.0f} s waited to try again after failures")
    if usage.paused_seconds:
        took.append(f"{usage.paused_seconds:.0f} s paused because the vendor asked for it")
    if outcome.kept:
        took.append(f"{_count(outcome.kept, 'partition')} kept from an earlier try")
    if outcome.unchanged:
        took.append(f"{_count(outcome.unchanged, 'partition')} left unchanged")
    return (
        f"Exported {_count(outcome.records, 'record')} of {query.stream.title} {query.stream.name} "
        f"({where}) in {job.asked} to {url}: {', '.join(took)}."
    )


def _warn(job: Job, outcome: Outcome) -> None:
    query, counts = job.query, outcome.plan.counts
    field = query.stream.time_fields[query.window_on]
    if counts.undated:
        problem = f"{counts.undated} records have no {field} that can be read"
        log.warning("%s", in_lines(f"{problem}; they were kept, in the partition of their request."))
    if not outcome.records and not outcome.unchanged and query.scope:
        scope = ", ".join(f"{name}={value}" for name, value in query.scope.items())
        log.warning("%s", in_lines(f"There are no records; check that {scope} is right."))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
