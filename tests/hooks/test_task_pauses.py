"""``max_pause`` of hooks in a ``@task``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk.execution_time.context import set_current_context

from airflow_provider_convexport.airflow_errors import airflow_errors
from airflow_provider_convexport.compat import AirflowFailException, AirflowRescheduleException
from airflow_provider_convexport.errors import IncompleteExportError, RateLimitedError
from airflow_provider_convexport.hooks.ada import AdaHook
from tests.support.samples import DAY, HOUR
from tests.support.tiny_server import Answer


class StateStore:
    """As Airflow's: it survives a reschedule, a retry and a clear."""

    def __init__(self):
        self.kept = {}

    def get(self, key, default=None):
        return self.kept.get(key, default)

    def set(self, key, value, *, retention):
        assert retention > timedelta(days=7), "a vendor may ask for a week, and the sum would be forgotten"
        self.kept[key] = value


class BrokenStore:
    def get(self, key, default=None):
        raise ConnectionError("the API server is away")


def ask(pause, *, store, try_number=1, **arguments):
    """Run a task whose vendor asks for a pause."""
    context = {"task_state_store": store, "ti": SimpleNamespace(try_number=try_number)}
    with set_current_context(context), airflow_errors(**arguments):
        raise RateLimitedError(endpoint="Ada /x", retry_after=pause)


def test_pauses_add_up_over_all_reschedules_of_a_try_until_they_are_too_long():
    store = StateStore()
    for _ in range(2):
        with pytest.raises(AirflowRescheduleException):
            ask(HOUR, store=store, max_pause=2 * HOUR)

    with pytest.raises(IncompleteExportError) as caught:
        ask(HOUR, store=store, max_pause=2 * HOUR)

    assert str(caught.value) == (
        "Ada /x asked for pauses of 3 hours in total, longer than max_pause=2 hours, so this try ends. Look "
        "for other programs that use up the vendor's limit, or read a shorter interval."
    )
    assert caught.value.__suppress_context__, "the log would show two tracebacks"


def test_by_default_it_is_as_long_as_the_operators():
    store = StateStore()
    for _ in range(2):
        with pytest.raises(AirflowRescheduleException):
            ask(DAY, store=store)

    with pytest.raises(
        IncompleteExportError, match=r"pauses of 3 days in total, longer than max_pause=2 days"
    ):
        ask(DAY, store=store)


def test_a_further_try_or_a_cleared_task_begins_at_zero():
    store = StateStore()
    with pytest.raises(AirflowRescheduleException):
        ask(HOUR, store=store, max_pause=HOUR)

    with pytest.raises(AirflowRescheduleException):
        ask(HOUR, store=store, max_pause=HOUR, try_number=2)


def test_with_none_no_sum_is_kept():
    store = StateStore()
    for _ in range(5):
        with pytest.raises(AirflowRescheduleException):
            ask(DAY, store=store, max_pause=None)

    assert store.kept == {}


@pytest.mark.parametrize("store", [None, BrokenStore()], ids=["Airflow 3.2", "a failing store"])
def test_where_no_sum_can_be_kept_each_pause_is_compared_alone(store):
    for _ in range(5):
        with pytest.raises(AirflowRescheduleException):
            ask(HOUR, store=store, max_pause=HOUR)

    with pytest.raises(IncompleteExportError, match="asked for pauses of 2 hours in total"):
        ask(2 * HOUR, store=store, max_pause=HOUR)


def test_outside_of_a_task_each_pause_is_compared_alone():
    with pytest.raises(AirflowRescheduleException), airflow_errors(max_pause=HOUR):
        raise RateLimitedError(endpoint="Ada /x", retry_after=HOUR)


@pytest.mark.parametrize("value", [timedelta(0), -HOUR, 3600, "2 days"])
def test_a_wrong_length_fails_the_task_without_retry_and_before_its_first_line(value):
    began = []
    with (
        pytest.raises(
            AirflowFailException, match=r"max_pause=.* is not a timedelta above zero; write max_pa"
        ),
        airflow_errors(max_pause=value),
    ):
        began.append(True)

    assert began == []


def test_a_hook_that_the_vendor_postpones_again_and_again_ends(connect, server):
    connect("ada", server.url)
    server.fallback = lambda asked: Answer(429, headers={"Retry-After": "3600"})
    store, start = StateStore(), datetime.now(UTC) - 2 * DAY

    @airflow_errors(max_pause=2 * HOUR)
    def count():
        return sum(1 for _ in AdaHook().export_messages(start, start + DAY))

    context = {"task_state_store": store, "ti": SimpleNamespace(try_number=1)}
    with set_current_context(context):
        for _ in range(2):
            with pytest.raises(AirflowRescheduleException):
                count()
        with pytest.raises(
            IncompleteExportError, match="pauses of 3 hours in total, longer than max_pause=2 h"
        ):
            count()

    assert len(server.asked) == 3
