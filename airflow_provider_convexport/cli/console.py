"""Turns a function from options to text into a command that prints the text."""

from __future__ import annotations

import functools
import json
import sys
from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.errors import ConvExportError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable


def console_command(function: Callable[[argparse.Namespace], str]) -> Callable[[argparse.Namespace], None]:
    """Decorate a command: print the text that it returns to the standard output.

    An error that this package raises on purpose ends the process with status 1 and its one sentence on the
    standard error; any other error keeps its traceback.
    """

    @functools.wraps(function)
    def run(options: argparse.Namespace) -> None:
        try:
            text = function(options)
        except ConvExportError as error:
            sys.exit(str(error))
        sys.stdout.write(f"{text}\n")

    return run


def as_json(values: Any) -> str:
    """Return JSON values as the text that ``--output json`` prints."""
    return json.dumps(values, indent=2)
