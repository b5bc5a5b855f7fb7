from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module

import pytest

from airflow_provider_convexport.audit.sample import DEFAULT_SHARE
from airflow_provider_convexport.cli.definitions import COMMANDS, get_commands
from airflow_provider_convexport.get_provider_info import get_provider_info

PACKAGE = "airflow_provider_convexport"


def test_the_provider_info_names_the_commands():
    assert get_provider_info()["cli"] == ["airflow_provider_convexport.cli.definitions.get_commands"]
    (group,) = get_commands()
    assert (group.name, group.subcommands) == ("convexport", COMMANDS)
    assert [command.name for command in COMMANDS] == ["plan", "status", "audit", "files", "views", "check"]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_is_a_function_of_the_module_of_its_name(command):
    assert callable(getattr(import_module(f"{PACKAGE}.cli.{command.name}"), command.name))
    assert command.func.__name__ == command.name


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_and_argument_is_explained(command):
    assert command.help[0].isupper()
    assert not command.help.endswith(".")
    assert command.description.endswith(".")
    for argument in command.args:
        assert argument.kwargs["help"].endswith((".", ".)")), argument.flags


def test_the_default_share_of_an_audit_is_the_operators():
    """The definition repeats the number, because it loads no module that does the work."""
    (audit,) = [command for command in COMMANDS if command.name == "audit"]
    (share,) = [argument for argument in audit.args if argument.flags == ("--share",)]

    assert share.kwargs["default"] == DEFAULT_SHARE
    assert f"(default: {DEFAULT_SHARE})" in share.kwargs["help"]


def test_the_definitions_load_no_module_that_does_the_work():
    """Airflow loads them whenever its command line starts."""
    script = (
        "import json, sys\n"
        "import airflow.cli.cli_config\n"
        "before = set(sys.modules)\n"
        f"import {PACKAGE}.cli.definitions\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    modules = ("arguments", "audit_definition", "definitions")
    assert loaded - {PACKAGE} == {f"{PACKAGE}.cli", *(f"{PACKAGE}.cli.{name}" for name in modules)}
