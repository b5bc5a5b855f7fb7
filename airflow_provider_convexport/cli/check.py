"""The command ``airflow convexport check``: tests a connection, and looks for the pool of its tasks."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_convexport.cli.console import console_command
from airflow_provider_convexport.cli.pools import pool_problem
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.window import Window, utc
from airflow_provider_convexport.hooks.by_connection import hook_at

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from airflow_provider_convexport.export.fetch.stream import Stream
    from airflow_provider_convexport.export.fetch.window_probe import Finding
    from airflow_provider_convexport.hooks.base import ExportHook

_SPAN = timedelta(days=7)


@console_command
def check(options: argparse.Namespace) -> str:
    """Send one cheap request with a connection, and return a sentence that says that it worked.

    If the vendor does not say by which field the window of a stream selects, a further sentence says what was
    found out, by a probe if that was not yet. If the vendor's usual pool is missing, the last sentence says
    so; tasks may have another, which ``--pool`` names.

    :raises ConfigurationError: if it did not work, or the pool that ``--pool`` names is missing; says why.
    """
    hook = hook_at(options.conn_id)
    if options.pool is not None and (problem := _pool_problem(hook, options.pool)):
        raise ConfigurationError(problem)
    works, sentence = hook.test_connection()
    if not works:
        raise ConfigurationError(sentence)
    usual = () if options.pool else _usual_pool(hook)
    return "\n".join([sentence, *_selections(hook), *usual])


def _usual_pool(hook: ExportHook) -> Iterator[str]:
    with contextlib.suppress(ConfigurationError):  # a worker may not read Airflow's database
        if problem := _pool_problem(hook, f"convexport_{hook.conn_type}"):
            yield problem


def _pool_problem(hook: ExportHook, name: str) -> str:
    return pool_problem(name, slots=hook.pool_slots, description=f"Exports from {hook.title}")


def _selections(hook: ExportHook) -> Iterator[str]:
    for stream in hook.streams.values():
        if stream.window_undecided:
            end = utc(datetime.now(UTC) - stream.settle).replace(microsecond=0)
            finding = hook.window_reading.finding(hook.query(stream=stream.name), Window(end - _SPAN, end))
            yield f"{stream.name.capitalize()} are selected by {_selection(stream, finding)}."


def _selection(stream: Stream, finding: Finding | None) -> str:
    fields = list(stream.time_fields)
    if finding is None:
        unknown = " or by ".join(fields)
        return f"{unknown}; no recent record tells which, so {stream.default_window_on} is assumed"
    day = datetime.fromtimestamp(finding.found_at, tz=UTC).date()
    proof = f"proven {'by a record of an export' if finding.evidence == 'page' else 'by a probe'} on {day}"
    return f"{finding.window_on or ' and by '.join(fields)}, {proof}"
