from __future__ import annotations

import json
import logging
import os
import warnings
from argparse import Namespace

import pytest
import structlog

from airflow_provider_convexport.cli.console import as_json, console_command
from airflow_provider_convexport.errors import ConfigurationError


def test_the_text_is_printed_with_one_line_end(capsys):
    @console_command
    def greet(options):
        return f"Hello {options.name}."

    greet(Namespace(name="Ada"))

    assert capsys.readouterr() == ("Hello Ada.\n", "")
    assert greet.__name__ == "greet"


def test_an_error_of_this_package_ends_the_process_with_its_sentence(capsys):
    @console_command
    def fail(options):
        raise ConfigurationError("Write something else.")

    with pytest.raises(SystemExit) as caught:
        fail(Namespace())

    assert caught.value.code == "Write something else."
    assert capsys.readouterr().out == ""


def test_any_other_error_keeps_its_traceback():
    @console_command
    def fail(options):
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        fail(Namespace())


def test_values_are_printed_as_json():
    assert json.loads(as_json({"a": [None, 1]})) == {"a": [None, 1]}


def test_a_command_runs_as_a_server_of_airflow_and_logs_errors_only(caplog):
    log = logging.getLogger("airflow_provider_convexport.test")
    log.setLevel(logging.INFO)

    @console_command
    def tell(options):
        log.info("said %s", "within")
        log.error("failed")
        warnings.warn("Airflow imports much", DeprecationWarning, stacklevel=1)
        return os.environ["_AIRFLOW_PROCESS_CONTEXT"]

    before = os.environ.get("_AIRFLOW_PROCESS_CONTEXT")
    tell(Namespace())
    log.info("said afterwards")

    assert caplog.messages == ["failed", "said afterwards"]
    assert os.environ.get("_AIRFLOW_PROCESS_CONTEXT") == before


def test_nothing_but_the_text_is_printed_if_a_hook_logs_as_amazons_does(capsys):
    log = structlog.get_logger("airflow.providers.amazon")

    @console_command
    def tell(options):
        log.info("Credentials retrieved from %s.", "login and password")
        log.warning("No region.")
        return "[]"

    tell(Namespace())
    log.info("said afterwards")

    out = capsys.readouterr().out
    assert out.startswith("[]\n")
    assert "said afterwards" in out
