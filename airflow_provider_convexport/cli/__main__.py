"""``python -m airflow_provider_convexport.cli``: the commands of ``airflow convexport``, on any Airflow."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from airflow_provider_convexport.cli.definitions import COMMANDS, GROUP_HELP

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command.

    :param argv: The arguments after the program's name; those of the process if left out.
    :raises SystemExit: if the arguments are wrong or the command fails.
    """
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_convexport.cli",
        description=f"{GROUP_HELP}; the same commands as `airflow convexport`.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        subparser = commands.add_parser(command.name, help=command.help, description=command.description)
        subparser.set_defaults(func=command.func)
        for argument in command.args:
            argument.add_to_parser(subparser)
    options = parser.parse_args(argv)
    options.func(options)


if __name__ == "__main__":
    main()
