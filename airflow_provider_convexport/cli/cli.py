"""The commands ``airflow convexport plan``, ``status`` and ``check``; only their names and arguments.

Airflow 3.2 and later find them through the provider info. Before that, and anywhere, they also run as
``python -m airflow_provider_convexport.cli``.
"""

from __future__ import annotations

from typing import Any

from airflow.cli.cli_config import ActionCommand, Arg, CLICommand, GroupCommand, lazy_load_command

_MODULE = "airflow_provider_convexport.cli.commands"


def _arg(*flags: str, **options: Any) -> Arg:
    return Arg(flags, **options)  # type: ignore[no-untyped-call]


_VENDOR = _arg("--vendor", required=True, help="Machine name of the vendor, such as ada.")
_STREAM = _arg("--stream", default="conversations", help="conversations (default) or messages.")
_FROM = _arg(
    "--from",
    dest="start",
    required=True,
    metavar="DATE",
    help="Start of what is wanted: a day in UTC, or ISO-8601 with a zone.",
)
_TO = _arg("--to", dest="end", required=True, metavar="DATE", help="End of what is wanted, open.")
_DESTINATION = _arg(
    "--destination", metavar="URL", help="The operator's destination: what is there is left out."
)
_PLACE = _arg("--destination", metavar="URL", required=True, help="A destination, or a folder above several.")
_DESTINATION_CONN_ID = _arg(
    "--destination-conn-id",
    metavar="ID",
    help="Airflow connection of the storage, unless the URL names it.",
)
_SCOPE_CONN_ID = _arg(
    "--conn-id", metavar="ID", help="The vendor's connection, whose shop or bot is meant by --destination."
)
_CONN_ID = _arg("--conn-id", metavar="ID", required=True, help="The connection to test.")
_SCOPE = _arg(
    "--scope",
    nargs="*",
    metavar="NAME=VALUE",
    help="Shop or bot instead of the connection's, such as bot_name=support.",
)
_DAG_ID = _arg("--dag-id", metavar="ID", help="Dag of the printed commands (default: <vendor>_windows).")
_UNIT = _arg("--unit", choices=("days", "weeks", "months"), help="Unit of the Dag's windows.")
_SIZE = _arg("--size", type=int, metavar="DAYS", help="Days per window (default: the vendor's longest).")
_TIMEZONE = _arg("--timezone", metavar="NAME", help="Zone whose days the windows are made of (default: UTC).")
_REQUEST_WINDOW = _arg(
    "--request-window", type=float, metavar="DAYS", help="The operator's request_window, in days."
)
_OUTPUT = _arg(
    "-o", "--output", choices=("table", "json"), default="table", help="For people or for programs."
)


def get_commands() -> list[CLICommand]:
    """Return the group of commands for Airflow's command line."""
    return [
        GroupCommand(
            name="convexport",
            help="Plan and watch exports of AI support conversations",
            subcommands=COMMANDS,
        )
    ]


COMMANDS = (
    ActionCommand(
        name="plan",
        help="Plan a backfill: its runs, its least requests and time, and the commands that do it",
        description="Plan a backfill. Asks no vendor; with --destination reads the manifests there.",
        func=lazy_load_command(f"{_MODULE}.plan"),
        args=(
            _VENDOR,
            _STREAM,
            _FROM,
            _TO,
            _DESTINATION,
            _DESTINATION_CONN_ID,
            _SCOPE_CONN_ID,
            _SCOPE,
            _DAG_ID,
            _UNIT,
            _SIZE,
            _TIMEZONE,
            _REQUEST_WINDOW,
            _OUTPUT,
        ),
    ),
    ActionCommand(
        name="status",
        help="Show day by day what is published, and what is missing",
        description="Show what is published under a destination, by its manifests.",
        func=lazy_load_command(f"{_MODULE}.status"),
        args=(_PLACE, _DESTINATION_CONN_ID, _OUTPUT),
    ),
    ActionCommand(
        name="check",
        help="Test a connection with one cheap request",
        description="Test a connection of this provider; exits with 1 if it does not work.",
        func=lazy_load_command(f"{_MODULE}.check"),
        args=(_CONN_ID,),
    ),
)
