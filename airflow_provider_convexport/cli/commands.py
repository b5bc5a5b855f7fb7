"""What ``airflow convexport …`` does; loaded when such a command runs."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.cli.coverage import read_coverage
from airflow_provider_convexport.cli.plan import plan_backfill
from airflow_provider_convexport.cli.report import (
    coverage_text,
    coverage_values,
    plan_text,
    plan_values,
)
from airflow_provider_convexport.compat import AirflowNotFoundException, BaseHook
from airflow_provider_convexport.destination import store_at
from airflow_provider_convexport.errors import ConfigurationError, ConvExportError
from airflow_provider_convexport.export.window import parse_moment
from airflow_provider_convexport.hooks.vendors import hook_of
from airflow_provider_convexport.timetables.export_window import ExportWindowTimetable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from airflow_provider_convexport.hooks.base import ExportHook


def plan(options: argparse.Namespace) -> None:
    """Print the plan of a backfill; ``airflow convexport plan``."""
    _run(_plan, options)


def status(options: argparse.Namespace) -> None:
    """Print what is published under a destination; ``airflow convexport status``."""
    _run(_status, options)


def check(options: argparse.Namespace) -> None:
    """Test a connection; ``airflow convexport check``. Exits with 1 if it does not work."""
    _run(_check, options)


def _run(command: Callable[[argparse.Namespace], str], options: argparse.Namespace) -> None:
    try:
        text = command(options)
    except ConvExportError as error:
        sys.exit(str(error))
    sys.stdout.write(f"{text}\n")


def _plan(options: argparse.Namespace) -> str:
    windows: dict[str, Any] = {"unit": options.unit, "size": options.size, "timezone": options.timezone}
    timetable = ExportWindowTimetable.for_vendor(
        options.vendor,
        stream=options.stream,
        **{name: value for name, value in windows.items() if value is not None},
    )
    made = plan_backfill(
        options.vendor,
        stream=options.stream,
        start=_moment(options.start),
        end=_moment(options.end),
        timetable=timetable,
        request_window=None if options.request_window is None else timedelta(days=options.request_window),
        dag_id=options.dag_id,
        store=store_at(options.destination, conn_id=options.destination_conn_id)
        if options.destination
        else None,
        scope=_scope(options),
    )
    return _as_json(plan_values(made)) if options.output == "json" else plan_text(made)


def _status(options: argparse.Namespace) -> str:
    store = store_at(options.destination, conn_id=options.destination_conn_id)
    datasets = read_coverage(store)
    if options.output == "json":
        return _as_json(coverage_values(datasets))
    return coverage_text(datasets, store.url)


def _check(options: argparse.Namespace) -> str:
    works, sentence = _hook(options.conn_id).test_connection()
    if not works:
        raise ConfigurationError(sentence)
    return sentence


def _hook(conn_id: str) -> ExportHook:
    """Return the hook of a connection, by the connection's type."""
    try:
        conn_type = BaseHook.get_connection(conn_id).conn_type
    except AirflowNotFoundException:
        raise ConfigurationError(
            f"The connection {conn_id} does not exist; create it, or name another with --conn-id."
        ) from None
    return hook_of(str(conn_type))(conn_id)


def _scope(options: argparse.Namespace) -> dict[str, str] | None:
    """Return the shop or bot: the one that is named, else the connection's; ``None`` for any."""
    if options.scope:
        pairs: Sequence[tuple[str, str, str]] = [text.partition("=") for text in options.scope]
        if not all(separator for _, separator, _ in pairs):
            raise ConfigurationError(
                f"--scope {options.scope[0]} is not NAME=VALUE, such as bot_name=support."
            )
        return {name: value for name, _, value in pairs}
    return _hook(options.conn_id).scope() if options.conn_id else None


def _moment(text: str) -> datetime:
    """Return a day's UTC midnight, or a moment with its own zone, in UTC."""
    return parse_moment(text, naive_as_utc=True)


def _as_json(values: Any) -> str:
    return json.dumps(values, indent=2)
