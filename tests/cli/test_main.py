"""The commands as a person or a program calls them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from airflow.version import version

from airflow_provider_convexport.cli.__main__ import main
from airflow_provider_convexport.cli.definitions import COMMANDS
from tests.support.runs import Piece, at, day
from tests.support.stores import local_store

PLAN = ["plan", "--vendor", "agentx", "--from", "2026-09-01", "--to", "2026-09-10"]


@pytest.fixture
def store(tmp_path):
    return local_store(tmp_path)


def test_a_plan_is_printed_for_people(capsys):
    main(PLAN)

    out = capsys.readouterr().out
    assert out.startswith("Backfill of AgentX Support conversations for 2026-09-01T00:00:00Z..")
    assert out.count("\n2026-") == 2


def test_a_plan_is_printed_for_programs(capsys):
    main([*PLAN, "--output", "json", "--request-window", "7"])

    values = json.loads(capsys.readouterr().out)
    assert values["requests"] == 2
    assert "--dag-id agentx_windows" in values["commands"][2]


def test_the_schedule_may_be_another_one(capsys):
    main([*PLAN, "--unit", "days", "--size", "3", "--timezone", "Europe/Berlin", "-o", "json"])

    runs = json.loads(capsys.readouterr().out)["runs"]
    assert runs[1]["interval"][0].endswith("T22:00:00Z")
    assert runs[0]["requests"] == 3


def test_published_windows_of_the_named_bot_are_left_out(capsys, monkeypatch, tmp_path, connect):
    connect("agentx", "https://acme.example")
    plan = [*PLAN, "--destination", str(tmp_path), "-o", "json"]
    main([*plan, "--conn-id", "agentx_default"])
    assert json.loads(capsys.readouterr().out)["published"] == []
    main([*plan, "--scope", "bot_name=other"])
    assert json.loads(capsys.readouterr().out)["published"] == []


def test_the_status_is_printed_for_people_and_for_programs(capsys, store):
    Piece(store, day(1, 2), ("a", at(1)))

    main(["status", "--destination", store.root])
    assert "2026-04  #." in capsys.readouterr().out
    main(["status", "--destination", store.root, "--output", "json"])
    (values,) = json.loads(capsys.readouterr().out)["datasets"]
    assert values["records"] == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([*PLAN, "--vendor", "acme"], "vendor='acme' does not exist"),
        ([*PLAN, "--to", "tomorrow"], "'tomorrow' is not a moment; write a day such as 2026-04-01"),
        ([*PLAN, "--destination", "/somewhere", "--scope", "support"], "--scope support is not NAME=VALUE"),
        ([*PLAN, "--request-window", "0"], "is not a timedelta of one second or more"),
        ([*PLAN, "--request-window", "nan"], "--request-window nan is not a number of days"),
        ([*PLAN, "--request-window", "inf"], "--request-window inf is not a number of days"),
        ([*PLAN, "--to", "9999-12-31"], "end within a year from now"),
        ([*PLAN, "--from", "0001-01-01"], "begin at 2000-01-01T00:00:00Z or later"),
        ([*PLAN, "--filter", "x"], "--filter x is not NAME=VALUE"),
        ([*PLAN, "--run"], "--run needs --dag-id"),
        (["plan", *PLAN[3:]], "Neither --dag-id nor --vendor is given"),
        ([*PLAN, "--dag-id", "mine", "--size", "3"], "--vendor, --size cannot be given with --dag-id"),
        (["status", "--destination", " "], "destination='' is empty"),
        (["check", "--conn-id", "nobody"], "The connection nobody does not exist; create it"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(arguments, sentence, airflow_db):
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert sentence in str(caught.value.code)
    assert "\n" not in str(caught.value.code)


def test_airflows_own_command_line_has_the_commands(airflow_db):
    """And prints nothing but the answer, so that programs can read it."""
    if version.startswith("3.1."):
        pytest.skip("Airflow 3.1 takes no commands from providers; `python -m` has them.")
    command = [sys.executable, "-m", "airflow", "convexport", *PLAN, "--output", "json"]

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert json.loads(done.stdout)["vendor"] == "agentx"


def test_the_help_lists_every_command(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--help"])

    assert caught.value.code == 0
    words = capsys.readouterr().out.split()
    assert {command.name for command in COMMANDS} < set(words)


def test_a_command_is_required(capsys):
    with pytest.raises(SystemExit) as caught:
        main([])

    assert caught.value.code == 2
    assert "COMMAND" in capsys.readouterr().err
