"""The command ``airflow convexport check``: tests a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_convexport.cli.console import console_command
from airflow_provider_convexport.cli.options import hook_at
from airflow_provider_convexport.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse


@console_command
def check(options: argparse.Namespace) -> str:
    """Send one cheap request with a connection, and return a sentence that says that it worked.

    :raises ConfigurationError: if it did not work; says why.
    """
    works, sentence = hook_at(options.conn_id).test_connection()
    if not works:
        raise ConfigurationError(sentence)
    return sentence
