"""Turns a function from options to text into a command that prints the text."""

from __future__ import annotations

import functools
import json
import logging
import sys
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import structlog

from airflow_provider_convexport.compat import server_context
from airflow_provider_convexport.errors import ConvExportError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from structlog.typing import EventDict


def console_command(function: Callable[[argparse.Namespace], str]) -> Callable[[argparse.Namespace], None]:
    """Decorate a command: print the text that it returns to the standard output.

    It finds connections in Airflow's database, in the environment and in a secrets backend.

    An error that this package raises on purpose ends the process with status 1 and its one sentence on the
    standard error; any other error keeps its traceback.
    """

    @functools.wraps(function)
    def run(options: argparse.Namespace) -> None:
        try:
            with server_context(), _quiet():
                text = function(options)
        except ConvExportError as error:
            sys.exit(str(error))
        sys.stdout.write(f"{text}\n" if text else "")

    return run


@contextmanager
def _quiet() -> Iterator[None]:
    """Log errors only, as Airflow does in its own commands: logs go to the standard output, like the result.

    Hooks, such as Amazon's, log through structlog, which does not ask ``logging``.
    """
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    processors = structlog.get_config()["processors"]  # the list that all loggers use
    processors.insert(0, _errors_only)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        processors.remove(_errors_only)
        logging.disable(before)


def _errors_only(_logger: Any, method: str, event: EventDict) -> EventDict:
    if method in ("debug", "info", "warning", "warn"):
        raise structlog.DropEvent
    return event


def as_json(values: Any) -> str:
    """Return JSON values as the text that ``--output json`` prints."""
    return json.dumps(values, indent=2)
