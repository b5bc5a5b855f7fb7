"""Makes definitions of commands and of their arguments; imports nothing but Airflow's own definitions."""

from __future__ import annotations

from typing import Any

from airflow.cli.cli_config import ActionCommand, Arg, lazy_load_command


def command(name: str, *, summary: str, description: str, args: tuple[Arg, ...]) -> ActionCommand:
    """Return the definition of the command that is the function ``name`` of the module ``name``.

    :param summary: One line for the list of commands.
    :param description: One or two sentences for the command's own help.
    """
    function = lazy_load_command(f"airflow_provider_convexport.cli.{name}.{name}")
    return ActionCommand(name=name, help=summary, description=description, func=function, args=args)


def arg(*flags: str, **options: Any) -> Arg:
    """Return the definition of an argument; the options are those of ``argparse``."""
    return Arg(flags, **options)  # type: ignore[no-untyped-call]


def scope_arg(text: str) -> Arg:
    """Return ``--scope``, which names a shop or bot."""
    return arg("--scope", nargs="*", metavar="NAME=VALUE", help=text)


def from_arg(text: str, *, metavar: str = "DAY", required: bool = False) -> Arg:
    """Return ``--from``, the start of a range."""
    return arg("--from", dest="start", metavar=metavar, required=required, help=text)


def to_arg(text: str, *, metavar: str = "DAY", required: bool = False) -> Arg:
    """Return ``--to``, the end of a range, which does not belong to it."""
    return arg("--to", dest="end", metavar=metavar, required=required, help=text)


def until_arg(text: str) -> Arg:
    """Return ``--until``, the last day of a range."""
    return arg("--until", metavar="DAY", help=text)
