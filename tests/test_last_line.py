"""How the log of a failed task ends: with the sentence that says what to change, as a record of its own."""

from __future__ import annotations

import logging
import traceback

import pytest
from airflow.sdk.execution_time.task_runner import get_listener_manager
from airflow.utils.state import TaskInstanceState

from airflow_provider_convexport.compat import AirflowFailException
from airflow_provider_convexport.errors import ConfigurationError, VendorUnavailableError
from airflow_provider_convexport.last_line import on_task_instance_failed
from airflow_provider_convexport.operators.ada import AdaExportOperator
from tests.support.exceptions import TaskTimeout
from tests.support.samples import APRIL_1, DAY


def operator(**arguments):
    return AdaExportOperator(
        task_id="export", interval_start=APRIL_1, interval_end=APRIL_1 + DAY, **arguments
    )


def raised_by(task):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each test looks at the error itself
        task.execute({})
    return caught.value


def failing_with(error, monkeypatch, tmp_path):
    def fail(self, context):
        try:
            raise KeyError("a cause with its own frames")
        except KeyError as cause:
            raise error from cause

    monkeypatch.setattr(AdaExportOperator, "_export", fail)
    return raised_by(operator(destination=str(tmp_path)))


UNAVAILABLE = {"endpoint": "Ada /messages", "problem": "status 502", "tries": 9}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConfigurationError("Write something else."), AirflowFailException),
        (VendorUnavailableError(**UNAVAILABLE), VendorUnavailableError),
    ],
    ids=["no retry", "retry"],
)
def test_an_expected_error_has_one_traceback_without_the_frames_of_its_causes(
    error, kind, monkeypatch, tmp_path
):
    caught = failing_with(error, monkeypatch, tmp_path)

    text = "".join(traceback.format_exception(caught))
    assert type(caught) is kind
    assert text.count("Traceback") == 1
    assert "KeyError" not in text
    assert " in fail\n" not in text
    assert text.count(str(error)) == 1


@pytest.mark.parametrize(
    "error", [ConfigurationError("Write something else."), VendorUnavailableError(**UNAVAILABLE)]
)
def test_its_sentence_is_one_record_at_the_level_error(error, monkeypatch, tmp_path, caplog):
    on_task_instance_failed(failing_with(error, monkeypatch, tmp_path))

    *others, record = caplog.records
    assert all(each.levelno < logging.ERROR for each in others)
    assert (record.levelno, record.exc_info) == (logging.ERROR, None)
    assert record.getMessage().replace("\n", " ") == str(error)


def test_a_long_sentence_is_broken_into_lines_that_the_ui_does_not_cut_off(monkeypatch, tmp_path, caplog):
    """It shows 88 characters of a message's first line in a window of 1,280 pixels."""
    url = f"file:///{'folder/' * 20}"
    error = ConfigurationError(f"The destination {url} cannot be used: {'it is full; ' * 20}write another.")

    on_task_instance_failed(failing_with(error, monkeypatch, tmp_path))

    first, *others = caplog.messages[-1].split("\n")
    assert first == "The destination"
    assert others[0] == url
    assert all(len(line) <= 80 for line in others[1:])
    assert " ".join([first, *others]) == str(error)


@pytest.mark.parametrize(
    ("ending", "kind"), [(TaskTimeout, TaskTimeout), ("sigterm", SystemExit)], ids=["timeout", "sigterm"]
)
def test_so_does_the_log_of_a_task_that_airflow_ends(ending, kind, monkeypatch, tmp_path, caplog):
    def end(self, context):
        if ending == "sigterm":
            self.on_kill()
        raise ending

    monkeypatch.setattr(AdaExportOperator, "_export", end)
    with pytest.raises(kind) as caught:
        operator(destination=str(tmp_path)).execute({})
    on_task_instance_failed(caught.value)

    text = "".join(traceback.format_exception(caught.value))
    assert text.count("Traceback") == 1
    assert caplog.records[-1].levelno == logging.ERROR
    assert "the next try continues" in caplog.messages[-1].replace("\n", " ")


@pytest.mark.parametrize(
    "error",
    [
        None,
        "The task was killed.",
        KeyError("of a user's task"),
        AirflowFailException("Mine."),
        TaskTimeout("Timeout"),
        SystemExit(1),
    ],
)
def test_what_another_task_raises_is_left_to_airflow(error, caplog):
    on_task_instance_failed(error)

    assert caplog.records == []


def test_the_sentence_stands_outside_of_the_group_that_airflow_folds(monkeypatch, tmp_path, caplog):
    caplog.set_level(logging.INFO)

    on_task_instance_failed(failing_with(ConfigurationError("Write."), monkeypatch, tmp_path))

    assert caplog.messages == ["::endgroup::", "Write."]


def test_airflow_calls_the_listener_of_the_plugin(caplog):
    """With the arguments that the task runner passes after it has logged its traceback."""
    get_listener_manager().hook.on_task_instance_failed(
        previous_state=TaskInstanceState.RUNNING, task_instance=None, error=ConfigurationError("Write.")
    )

    assert caplog.messages[-1] == "Write."
