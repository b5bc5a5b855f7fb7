"""Names, arguments and help of the commands ``airflow convexport …``.

Airflow 3.2 and later find them through the provider info and load this module whenever their command line
starts, so it imports nothing but Airflow's own definitions and two small modules beside it. What a command
does is in the module of its name and is loaded when it runs. ``python -m airflow_provider_convexport.cli``
offers the same on any Airflow.

A new command needs its definition here, an entry in `COMMANDS`, and a module with a function of its name.
"""

from __future__ import annotations

from airflow.cli.cli_config import CLICommand, GroupCommand

from airflow_provider_convexport.cli.arguments import arg, command, from_arg, scope_arg, to_arg, until_arg
from airflow_provider_convexport.cli.audit_definition import audit_command

GROUP_HELP = "Plan, inspect and test exports of AI support conversations"


def get_commands() -> list[CLICommand]:
    """Return the group of commands for Airflow's command line."""
    return [GroupCommand(name="convexport", help=GROUP_HELP, subcommands=COMMANDS)]


# What is exported.
_VENDOR = arg("--vendor", help="Machine name of the vendor, such as ada, unless --dag-id names a Dag.")
_STREAM = arg("--stream", help="conversations (default) or messages.")
_WINDOW_ON = arg("--window-on", metavar="NAME", help="The operator's window_on (default: the stream's).")
_FILTER = arg(
    "--filter", nargs="*", metavar="NAME=VALUE", help="The operator's filters, such as channel=chat."
)
_SCOPE = scope_arg("Shop or bot to use in place of the connection's, such as bot_name=support.")

# The range of time.
_FROM = from_arg(
    "Start of the range, inclusive: a day or an ISO-8601 time, in the zone of the Dag (of UTC without "
    "--dag-id) unless it has one.",
    metavar="DATE",
    required=True,
)
_TO = to_arg("End of the range, exclusive.", metavar="DATE", required=True)
_FIRST = from_arg(
    "Only partitions that end after it: a day or an ISO-8601 time, in UTC unless it has a time zone.",
    metavar="DATE",
)
_LAST = to_arg("Only partitions that begin before it.", metavar="DATE")

# Where it is published.
_DESTINATION = arg(
    "--destination",
    metavar="URL",
    help="The operator's destination; runs whose whole interval is published there are left out.",
)
_REQUIRED_DESTINATION = arg(
    "--destination", metavar="URL", required=True, help="A destination, or a folder above several of them."
)
_DESTINATION_CONN_ID = arg(
    "--destination-conn-id",
    metavar="ID",
    help="Airflow connection of the storage, unless the URL names it.",
)

_ONLY_SCOPE = scope_arg("Show only this shop or bot, such as bot_name=support.")

# What is looked for.
_FIRST_DAY = from_arg(
    "First day of the report, such as 2026-04-01 (default: the first one that is published)."
)
_END_DAY = to_arg("Day before which the report ends.")
_LAST_DAY = until_arg(
    "Last day of the report, or yesterday (default: yesterday, or the last one that is published)."
)
_FAIL_ON_GAPS = arg(
    "--fail-on-gaps",
    action="store_true",
    help="Exit with 4 if something is not published that the vendor has and that has settled.",
)
_VERIFY = arg(
    "--verify",
    action="store_true",
    help=(
        "Look whether the files that manifests name are there with their sizes, for foreign files, and for "
        "all staging."
    ),
)

# Work in progress of tasks that do not come back.
_STAGING_AGE = arg(
    "--staging-age",
    type=float,
    metavar="DAYS",
    help="Staging is old if nothing was written to it for so many days; at least 7 (default: 30).",
)
_SWEEP_STAGING = arg(
    "--sweep-staging",
    action="store_true",
    help="Remove the old staging that is shown without this option.",
)

# The vendor's connection.
_CONN_ID = arg("--conn-id", metavar="ID", required=True, help="The connection to test.")
_POOL = arg(
    "--pool",
    metavar="NAME",
    help="The pool that your tasks name (default: convexport_<vendor>); exits with 1 if it does not exist.",
)
_SCOPE_CONN_ID = arg(
    "--conn-id", metavar="ID", help="Connection to the vendor that names the shop or bot to look for."
)

# The Dag and its operator.
_DAG_ID = arg(
    "--dag-id",
    metavar="ID",
    help="Dag to plan for; its schedule, export tasks and destinations are read from the Dags folder.",
)
_RUN = arg(
    "--run",
    action="store_true",
    help="Run the commands one after another and tell how far they are; needs --dag-id.",
)
_UNIT = arg(
    "--unit", choices=("days", "weeks", "months"), help="Unit of the Dag's schedule windows (default: days)."
)
_SIZE = arg(
    "--size",
    type=int,
    metavar="DAYS",
    help="Days per schedule window (default: the maximum per request, or 7 if the vendor states none).",
)
_TIMEZONE = arg(
    "--timezone", metavar="NAME", help="Time zone whose days the schedule windows consist of (default: UTC)."
)
_REQUEST_WINDOW = arg(
    "--request-window", type=float, metavar="DAYS", help="The operator's request_window, in days."
)

_OUTPUT = arg(
    "-o",
    "--output",
    choices=("table", "json"),
    default="table",
    help="table (default) for people, json for programs.",
)

_FORMAT = arg(
    "--format",
    choices=("urls", "duckdb", "redshift", "uris", "snowflake", "spark", "json"),
    default="urls",
    help=(
        "urls (default): one per line. duckdb, snowflake, spark: statements. redshift: a manifest for COPY. "
        "uris: an array, as BigQuery takes it. json: partitions with their files, for programs."
    ),
)

# The tables and who reads them.
_ENGINE = arg(
    "--engine",
    required=True,
    choices=("duckdb", "bigquery", "redshift", "snowflake", "spark", "trino"),
    help="The engine that runs the statements; spark also for Databricks, trino also for Athena.",
)
_SCHEMA = arg(
    "--schema",
    default="",
    metavar="NAME",
    help="Schema, dataset or database of the tables and of the views, unless it is the engine's default.",
)
_WITHOUT_RAW = arg("--without-raw", action="store_true", help="The tables were made without the column raw.")

_PLAN = command(
    "plan",
    summary="Plan a backfill: its runs, its minimum of requests and time, and the commands that start it",
    description=(
        "Plan a backfill of a Dag (--dag-id), or of a vendor's stream (--vendor). Sends no request to a "
        "vendor; reads the manifests of the Dag's destinations, or of --destination. Exit codes: 0 if all is "
        "well, 1 for an error, 6 if runs have failed (with --run)."
    ),
    args=(
        _VENDOR,
        _STREAM,
        _FROM,
        _TO,
        _DESTINATION,
        _DESTINATION_CONN_ID,
        _SCOPE_CONN_ID,
        _SCOPE,
        _WINDOW_ON,
        _FILTER,
        _DAG_ID,
        _RUN,
        _UNIT,
        _SIZE,
        _TIMEZONE,
        _REQUEST_WINDOW,
        _OUTPUT,
    ),
)
_STATUS = command(
    "status",
    summary="Show day by day what is published and what is missing",
    description=(
        "Show what is published under a destination, according to the manifests there, what is missing until "
        "yesterday, and old staging of tasks that do not come back. Days are those of the partitions' time "
        "zone. Exit codes: 0 if all is well, 1 for an error, 3 if nothing is published there, 4 for gaps "
        "(with --fail-on-gaps), 5 if a manifest cannot be read or, with --verify, a file is gone or has "
        "another size."
    ),
    args=(
        _REQUIRED_DESTINATION,
        _DESTINATION_CONN_ID,
        _ONLY_SCOPE,
        _FIRST_DAY,
        _END_DAY,
        _LAST_DAY,
        _FAIL_ON_GAPS,
        _VERIFY,
        _STAGING_AGE,
        _SWEEP_STAGING,
        _OUTPUT,
    ),
)
_FILES = command(
    "files",
    summary="Print what DuckDB, Redshift, BigQuery, Snowflake or Spark loads of what is published",
    description=(
        "Print the files of the published partitions, according to the manifests under a destination, in the "
        "form that an engine loads. Exits with 1 if nothing is published there."
    ),
    args=(_REQUIRED_DESTINATION, _DESTINATION_CONN_ID, _FIRST, _LAST, _ONLY_SCOPE, _FORMAT),
)
_VIEWS = command(
    "views",
    summary="Print SQL views over the tables: each conversation and message once, as it is now",
    description=(
        "Print statements that create the views current_conversations and current_messages over the tables "
        "conversations and messages. Reads nothing."
    ),
    args=(_ENGINE, _SCHEMA, _WITHOUT_RAW),
)
_CHECK = command(
    "check",
    summary="Test a connection with one cheap request, and look for the pool of its tasks",
    description=(
        "Test a connection to a vendor with one cheap request, and look for the pool of its tasks, which "
        "Airflow never starts if the pool is missing. Exits with 1 if the connection does not work."
    ),
    args=(_CONN_ID, _POOL),
)

_AUDIT = audit_command(_DESTINATION_CONN_ID, _STAGING_AGE, _OUTPUT)

COMMANDS = (_PLAN, _STATUS, _AUDIT, _FILES, _VIEWS, _CHECK)
