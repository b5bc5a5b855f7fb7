"""Name, arguments and help of the command ``airflow convexport audit``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_convexport.cli.arguments import arg, command, from_arg, scope_arg, to_arg, until_arg

if TYPE_CHECKING:
    from airflow.cli.cli_config import ActionCommand, Arg

_AUDIT_CONN_ID = arg(
    "--conn-id", metavar="ID", help="Connection to the vendor; without it, only --files are looked at."
)
_DESTINATIONS = arg(
    "--destination",
    metavar="URL",
    required=True,
    nargs="+",
    help="Destinations, or a folder above them; conversations and messages, so that each tells of the other.",
)
_AUDIT_SCOPE = scope_arg("Shop or bot to audit in place of the connection's, such as bot_name=support.")
_AUDIT_FIRST_DAY = from_arg("First day in UTC, such as 2026-04-01 (default: thirty days before the end).")
_AUDIT_END_DAY = to_arg("Day before which the audit ends.")
_AUDIT_LAST_DAY = until_arg("Last day, or yesterday (default: yesterday).")
_SHARE = arg(
    "--share",
    type=float,
    default=0.1,
    metavar="NUMBER",
    help="Share of the days that is audited, above 0 and up to 1; always the same days (default: 0.1).",
)
_FAIL_ON_AUDIT = arg("--fail-on-gaps", action="store_true", help="Exit with 4 if there are gaps.")
_FILES_TOO = arg(
    "--files",
    action="store_true",
    help="Read every published file of the range: checksums and numbers of records; look for foreign files "
    "and old staging.",
)
_REPAIR = arg("--repair", action="store_true", help="Remove the old staging that --files shows.")


def audit_command(destination_conn_id: Arg, staging_age: Arg, output: Arg) -> ActionCommand:
    """Return the definition; the arguments are those that it shares with other commands."""
    return command(
        "audit",
        summary="Compare what is published with the vendor's own second views, and with its files",
        description=(
            "Compare published partitions with what the vendor says of the same time, within its limits, and "
            "write the results beside the manifests. Exit codes: 0 if all is well, 1 for an error, 3 if "
            "nothing is published there, 4 for gaps (with --fail-on-gaps), 5 if a file is damaged (with "
            "--files)."
        ),
        args=(
            _AUDIT_CONN_ID,
            _DESTINATIONS,
            destination_conn_id,
            _AUDIT_SCOPE,
            _AUDIT_FIRST_DAY,
            _AUDIT_END_DAY,
            _AUDIT_LAST_DAY,
            _SHARE,
            _FAIL_ON_AUDIT,
            _FILES_TOO,
            _REPAIR,
            staging_age,
            output,
        ),
    )
