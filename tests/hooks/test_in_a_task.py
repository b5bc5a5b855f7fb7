"""Hooks alone in a ``@task``: what they wait for, refuse and tell the scheduler."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk import DAG, task

from airflow_provider_convexport.airflow_errors import airflow_errors
from airflow_provider_convexport.compat import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSkipException,
)
from airflow_provider_convexport.errors import (
    ConfigurationError,
    ExpiredError,
    IncompleteExportError,
    SupersededError,
    UnsettledError,
    VendorUnavailableError,
)
from airflow_provider_convexport.hooks.ada import AdaHook
from airflow_provider_convexport.hooks.agentx import AgentXHook
from airflow_provider_convexport.hooks.applied_labs import AppliedLabsHook
from airflow_provider_convexport.hooks.base import ExportHook
from airflow_provider_convexport.simulator.faults import Fault
from tests.support.connections import connection_to, define
from tests.support.samples import DAY, HOUR
from tests.support.streams import MIDNIGHT, YESTERDAY

START = MIDNIGHT - 40 * DAY
NOW = datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True)
class Method:
    """One method that reads an interval."""

    hook: type[ExportHook]
    name: str

    def __str__(self) -> str:
        return f"{self.hook.__name__}.{self.name}"

    def __call__(self, start, end, **arguments):
        return getattr(self.hook(), self.name)(start, end, **arguments)

    @property
    def stream(self):
        return self.hook.streams[self.name.removeprefix("export_")]


METHODS = [
    Method(hook, f"export_{stream}")
    for hook in (AdaHook, AgentXHook, AppliedLabsHook)
    for stream in hook.streams
]
EACH = pytest.mark.parametrize("method", METHODS, ids=str)
MESSAGES = Method(AdaHook, "export_messages")


@pytest.fixture(autouse=True)
def _vendors(simulator):
    """Connections of all vendors to the simulator."""


def in_a_task(function: Callable[[], object]) -> object:
    """Execute a function as the body of a task, with the errors of Airflow."""
    with DAG("of_hooks", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
        work = task(airflow_errors()(function), task_id="work")()
    return work.operator.execute({})


@EACH
class TestUnsettled:
    def test_an_interval_that_has_not_settled_is_refused_by_the_call_itself(self, method, simulator):
        end = NOW - method.stream.settle + 10 * HOUR

        with pytest.raises(UnsettledError) as caught:
            method(end - DAY, end)

        settles = (NOW + 10 * HOUR).isoformat().replace("+00:00", "Z")
        assert f"settles at {settles}; until then {method.hook.title} may still add records" in str(
            caught.value
        )
        assert "airflow_errors()" in str(caught.value)
        assert "on_unsettled='export'" in str(caught.value)
        assert caught.value.settles_at == NOW + 10 * HOUR
        assert simulator.request_log.requests == []

    def test_in_a_task_it_gives_the_slot_back_until_it_has_settled(self, method, simulator):
        end = NOW - method.stream.settle + 10 * HOUR

        with pytest.raises(AirflowRescheduleException) as caught:
            in_a_task(lambda: list(method(end - DAY, end)))

        assert caught.value.reschedule_date == NOW + 10 * HOUR
        assert simulator.request_log.requests == []

    def test_the_dag_may_say_when_an_interval_has_settled(self, method):
        with pytest.raises(UnsettledError) as caught:
            method(YESTERDAY, MIDNIGHT, settle=100 * DAY)

        assert caught.value.settles_at == MIDNIGHT + 100 * DAY
        assert len(list(method(NOW - 2 * DAY, NOW, settle=timedelta(0)))) > 0

    def test_it_may_fail_the_try(self, method):
        with pytest.raises(IncompleteExportError, match=r"settles at .*or use on_unsettled='wait'"):
            in_a_task(lambda: method(NOW - DAY, NOW, on_unsettled="fail"))

    def test_it_may_be_read_as_it_is(self, method):
        assert len(list(method(NOW - 2 * DAY, NOW, on_unsettled="export"))) > 0


@EACH
class TestRequests:
    def test_the_page_size_and_the_request_window_reach_the_vendor(self, method, simulator):
        usual = list(method(START, START + DAY))
        simulator.reset()
        size = method.stream.page_size.minimum + 7

        found = list(method(START, START + DAY, page_size=size, request_window=HOUR))

        assert sorted(map(str, found)) == sorted(map(str, usual))
        asked = simulator.request_log.requests
        assert len(asked) >= 24
        assert {request.param(method.stream.page_size.parameter) for request in asked} == {str(size)}

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"page_size": 0}, r"page_size=0 is not accepted by .*; use a whole number from"),
            ({"page_size": 10**6}, r"page_size=1000000 is not accepted by"),
            ({"page_size": "100"}, r"page_size='100' is not accepted by"),
            ({"request_window": timedelta(0)}, r"is not a timedelta of one second or more; leave it out"),
            ({"request_window": 3600}, r"request_window=3600 is not a timedelta of one second or more"),
            ({"settle": timedelta(hours=-1)}, r"settle=.* is not a timedelta of zero or more; write settle="),
            ({"settle": 7200}, r"settle=7200 is not a timedelta of zero or more"),
            ({"on_unsettled": "panic"}, r"on_unsettled='panic' is not one of \['wait', 'fail', 'export'\]"),
            ({"on_expired": "ignore"}, r"on_expired='ignore' is not one of \['fail', 'clip', 'export'\]"),
        ],
    )
    def test_a_wrong_argument_is_refused_by_the_call_itself(self, method, simulator, arguments, message):
        with pytest.raises(ConfigurationError, match=message):
            method(START, START + DAY, **arguments)

        assert simulator.request_log.requests == []

    @pytest.mark.parametrize(
        ("start", "end", "message"),
        [
            (START + DAY, START, "cannot be used"),
            (START, START.replace(tzinfo=None), "is not a moment with a time zone"),
            ("yesterday", "today", "is not a moment with a time zone"),
        ],
    )
    def test_a_wrong_interval_fails_a_task_without_retry(self, method, simulator, start, end, message):
        with pytest.raises(AirflowFailException, match=message):
            in_a_task(lambda: method(start, end))

        assert simulator.request_log.requests == []


class TestExpired:
    HISTORY = 30 * DAY

    @pytest.fixture(autouse=True)
    def _short_memory(self, monkeypatch):
        streams = {name: replace(each, history=self.HISTORY) for name, each in AdaHook.streams.items()}
        monkeypatch.setattr(AdaHook, "streams", streams)

    def test_an_interval_that_begins_too_early_is_refused_by_the_call_itself(self, simulator):
        with pytest.raises(
            ConfigurationError, match=r"Ada keeps messages for 30 days, so of .*use on_expired='clip'"
        ):
            MESSAGES(START, START + DAY)

        with pytest.raises(AirflowFailException, match="keeps messages for 30 days"):
            in_a_task(lambda: MESSAGES(START, START + DAY))
        assert simulator.request_log.requests == []

    def test_clipped_it_yields_what_is_left_and_logs_what_is_not(self, caplog):
        interval = MIDNIGHT - 32 * DAY, MIDNIGHT - 25 * DAY
        every = list(MESSAGES(*interval, on_expired="export"))

        found = list(MESSAGES(*interval, on_expired="clip"))

        (line,) = [line for line in caplog.messages if "only the rest is exported" in line]
        clipped = datetime.fromisoformat(re.search(r"what lies before ([^;]+);", line)[1])
        assert timedelta(0) < clipped - (datetime.now(UTC) - self.HISTORY) < 2 * HOUR
        assert 0 < len(found) < len(every)
        assert found == [one for one in every if datetime.fromisoformat(one["date_created"]) >= clipped]

    def test_if_nothing_is_left_a_task_is_skipped_with_a_word_in_its_log(self, simulator, caplog):
        with pytest.raises(ExpiredError, match="it no longer has anything"):
            MESSAGES(START, START + DAY, on_expired="clip")

        with pytest.raises(AirflowSkipException, match="it no longer has anything") as caught:
            in_a_task(lambda: MESSAGES(START, START + DAY, on_expired="clip"))
        # Airflow's own record of the reason stands in a group that its UI folds.
        assert caplog.messages[-1].replace("\n", " ") == str(caught.value)
        assert simulator.request_log.requests == []

    def test_the_vendor_may_be_left_to_decide(self):
        assert len(list(MESSAGES(START, START + DAY, on_expired="export"))) > 0


class TestErrors:
    def test_a_refused_key_fails_without_retry(self, monkeypatch, simulator):
        define(monkeypatch, connection_to("ada", simulator.url, key="wrong"))

        with pytest.raises(AirflowFailException, match=r"status 401\b.*Check the API key") as caught:
            in_a_task(lambda: list(MESSAGES(START, START + DAY)))
        assert "wrong" not in str(caught.value)

    def test_a_long_pause_gives_the_slot_back_for_that_long(self, simulator):
        simulator.update(fault_retry_after=3600, faults=(Fault("429-retry-after", at=2),))

        with pytest.raises(AirflowRescheduleException) as caught:
            in_a_task(lambda: list(MESSAGES(START, START + DAY, request_window=HOUR)))

        assert abs(caught.value.reschedule_date - datetime.now(UTC) - HOUR) < timedelta(minutes=1)

    def test_no_connection_fails_without_retry(self):
        with pytest.raises(AirflowFailException, match="The connection nowhere does not exist; create it"):
            in_a_task(lambda: AdaHook("nowhere").export_messages(START, START + DAY))

    @pytest.mark.parametrize(
        "error",
        [
            IncompleteExportError("x"),
            SupersededError("x"),
            VendorUnavailableError(endpoint="Ada /x", problem="status 502", tries=9),
            KeyError("x"),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_an_error_after_which_a_retry_may_help_passes(self, error):
        with pytest.raises(type(error)) as caught, airflow_errors():
            raise error
        assert caught.value is error

    def test_such_an_error_is_logged_without_the_frames_of_its_causes(self):
        def failing():
            try:
                raise OSError("a broken connection")
            except OSError as cause:
                raise VendorUnavailableError(endpoint="Ada /x", problem="reset", tries=9) from cause

        with pytest.raises(VendorUnavailableError) as caught:
            in_a_task(failing)

        text = "".join(traceback.format_exception(caught.value))
        assert "a broken connection" not in text
        assert text.count("Traceback") == 1

    def test_without_an_error_the_task_returns_what_its_body_returns(self):
        count = in_a_task(lambda: sum(1 for _ in MESSAGES(START, START + DAY)))

        assert count == len(list(MESSAGES(START, START + DAY))) > 0
