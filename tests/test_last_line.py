"""How the log of a failed task ends: with the sentence that says what to change, as a line of its own."""

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
def test_its_sentence_is_one_line_at_the_level_error(error, monkeypatch, tmp_path, caplog):
    on_task_instance_failed(failing_with(error, monkeypatch, tmp_path))

    *others, record = caplog.records
    assert all(each.levelno < logging.ERROR for each in others)
    assert (record.levelno, record.getMessage(), record.exc_info) == (logging.ERROR, str(error), None)


@pytest.mark.parametrize(
    "error", [None, "The task was killed.", KeyError("of a user's task"), AirflowFailException("Mine.")]
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
