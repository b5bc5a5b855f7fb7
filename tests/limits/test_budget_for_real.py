"""Never more than the vendor's limit in any moving window, and close to it when there is work."""

from __future__ import annotations

import multiprocessing
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from airflow_provider_convexport.hooks.ada import AdaHook
from airflow_provider_convexport.hooks.agentx import AgentXHook
from airflow_provider_convexport.hooks.applied_labs import AppliedLabsHook
from airflow_provider_convexport.hooks.base import window_between
from tests.support.lateness import ON_TIME, Lateness, measured_lateness
from tests.support.samples import DAY
from tests.support.streams import MIDNIGHT

if TYPE_CHECKING:
    from airflow_provider_convexport.simulator.server import RunningSimulator

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")]

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def lateness():
    """How late the simulator's process notices what arrives."""
    with measured_lateness() as measured:
        yield measured


def ask(hook_class: type, seconds: float, **query) -> None:
    """Send the cheapest request again and again, as fast as the budget allows."""
    hook = hook_class()
    query = hook.query(**query)
    request = query.first_request(window_between(MIDNIGHT - 3 * DAY, MIDNIGHT - 2 * DAY))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        hook._fetch(query, request)


def in_processes(count: int, work) -> None:
    processes = [FORK.Process(target=work) for _ in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0


def assert_never_exceeded(simulator: RunningSimulator, lateness: Lateness) -> None:
    visits = simulator.request_log.requests
    if lateness.worst < ON_TIME:
        assert all(visit.status == 200 for visit in visits)
    for limit in {limit for visit in visits for limit in visit.limits}:
        moments = [visit.monotonic for visit in visits if limit in visit.limits]
        assert not lateness.is_exceeded(limit.seconds, limit.allowed, moments), (limit, lateness)


def rate(simulator: RunningSimulator) -> float:
    visits = simulator.request_log.requests
    return len(visits) / (visits[-1].monotonic - visits[0].monotonic)


def test_one_task_uses_at_least_95_percent_of_agentxs_limit_and_never_more(strict_simulator, lateness):
    ask(AgentXHook, 60.0, page_size=1)

    assert_never_exceeded(strict_simulator, lateness)
    print("requests a second:", rate(strict_simulator))
    assert rate(strict_simulator) >= 0.95 * 3 * lateness.usable(1.0)


def test_four_processes_of_one_machine_share_the_budget_without_any_setting(strict_simulator, lateness):
    in_processes(4, partial(ask, AgentXHook, 20.0, page_size=1))

    assert_never_exceeded(strict_simulator, lateness)
    assert rate(strict_simulator) >= 0.95 * 3 * lateness.usable(1.0)


def test_workers_on_two_machines_share_the_budget_through_redis(
    strict_simulator, lateness, redis_url, monkeypatch
):
    monkeypatch.setenv("AIRFLOW__CONVEXPORT__BUDGET_STORAGE", redis_url)

    in_processes(4, partial(ask, AgentXHook, 20.0, page_size=1))

    assert_never_exceeded(strict_simulator, lateness)
    assert rate(strict_simulator) >= 0.95 * 3 * lateness.usable(1.0)


@pytest.mark.parametrize("hook", [AdaHook, AppliedLabsHook])
def test_limits_of_a_minute_hold_in_every_moving_minute(strict_simulator, lateness, hook):
    in_processes(2, partial(ask, hook, 75.0))

    assert_never_exceeded(strict_simulator, lateness)
    [minute] = [use for use in strict_simulator.request_log.limit_uses() if use.limit.seconds == 60]
    assert minute.arrivals >= 0.95 * minute.limit.allowed * lateness.usable(60.0)
