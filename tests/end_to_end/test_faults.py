"""A vendor that fails in every way it can, and the key that must stay where it belongs."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_convexport.compat import AirflowFailException, AirflowRescheduleException
from airflow_provider_convexport.errors import ConvExportError, IncompleteExportError
from airflow_provider_convexport.export.fetch.pagination import NextLink
from airflow_provider_convexport.simulator.faults import RETRYABLE, Fault
from airflow_provider_convexport.simulator.server import running
from airflow_provider_convexport.simulator.settings import SimulatorSettings
from tests.support.exports import QUICK, export
from tests.support.published import partitions, truth
from tests.support.samples import DAY
from tests.support.streams import BY_UPDATE, MIDNIGHT, STREAMS, case_of
from tests.support.vendors import key_of

START = MIDNIGHT - 40 * DAY
LINKED = [case for case in STREAMS if isinstance(case.definition.pagination, NextLink)]
"""Streams whose answers hold a URL to follow, not a cursor."""
KINDS = (*RETRYABLE, "half-json", "html-200", "slow")


@pytest.mark.parametrize("case", [*STREAMS, *BY_UPDATE], ids=str)
@pytest.mark.parametrize("seed", [1, 2])
def test_with_a_tenth_of_all_requests_failing_in_mixed_ways_nothing_is_lost_or_doubled(
    simulator, tmp_path, case, seed
):
    rate = 0.1 / len(KINDS)
    plan = tuple(Fault(kind, rate=rate, seed=seed * 100 + number) for number, kind in enumerate(KINDS))
    simulator.update(faults=plan, max_page=12, fault_retry_after=0, slow_seconds=0.05)

    facts = export(case, tmp_path, START, START + 20 * DAY, retry=QUICK)

    assert partitions(tmp_path) == truth(simulator, case, START, START + 20 * DAY)
    failed = [visit for visit in simulator.request_log.requests if visit.fault]
    assert len(failed) >= 1
    assert facts["requests"] == len(simulator.request_log.requests)


@pytest.mark.parametrize("case", STREAMS, ids=str)
def test_a_cursor_that_is_refused_costs_its_window_not_the_run(simulator, tmp_path, case):
    simulator.update(max_page=10, faults=(Fault("cursor-expired", at=3),))

    export(case, tmp_path, START, START + 5 * DAY, concurrency=1)

    assert partitions(tmp_path) == truth(simulator, case, START, START + 5 * DAY)


@pytest.mark.parametrize("kind", ["429-retry-after", "503-retry-after-seconds", "503-retry-after-date"])
def test_a_long_pause_hands_the_slot_back_and_the_next_start_goes_on(simulator, tmp_path, kind):
    case = case_of("agentx", "messages")
    simulator.update(max_page=3, fault_retry_after=3600, faults=(Fault(kind, at=5),))
    with pytest.raises(AirflowRescheduleException) as caught:
        export(case, tmp_path, START, START + DAY, concurrency=1)
    first = len(simulator.request_log.requests)
    simulator.update(faults=())
    simulator.reset()

    export(case, tmp_path, START, START + DAY, concurrency=1)

    assert abs((caught.value.reschedule_date - datetime.now(UTC)).total_seconds() - 3600) < 60
    assert partitions(tmp_path) == truth(simulator, case, START, START + DAY)
    pages = len(partitions(tmp_path)) and -(-sum(map(len, partitions(tmp_path).values())) // 3)
    assert first + len(simulator.request_log.requests) <= pages + 3


def test_pauses_are_bounded_in_total_and_then_a_clear_failure(simulator, tmp_path):
    simulator.update(fault_retry_after=3600, faults=(Fault("429-retry-after", rate=1.0, seed=1),))
    for _ in range(2):
        with pytest.raises(AirflowRescheduleException):
            export(case_of("ada"), tmp_path, START, START + DAY, max_pause=timedelta(hours=2))

    with pytest.raises(
        IncompleteExportError, match=r"asked for pauses of 3 hours in total, longer than max_pause"
    ):
        export(case_of("ada"), tmp_path, START, START + DAY, max_pause=timedelta(hours=2))


@pytest.mark.parametrize("case", LINKED, ids=str)
def test_a_link_to_another_host_is_never_followed_with_the_key(simulator, tmp_path, case):
    with running(SimulatorSettings(limits=False)) as elsewhere:
        simulator.update(foreign_next=elsewhere.url, max_page=2)

        with pytest.raises(IncompleteExportError, match=r"leads away from .* the key was not sent there"):
            export(case, tmp_path, START, START + DAY)

        assert elsewhere.request_log.requests == []


@pytest.mark.parametrize("case", STREAMS, ids=str)
def test_a_redirect_is_never_followed_with_the_key(simulator, tmp_path, case):
    with running(SimulatorSettings(limits=False)) as elsewhere:
        simulator.update(redirect_origin=elsewhere.url, faults=(Fault("redirect", at=1),))

        with pytest.raises(AirflowFailException, match="redirects to another address, which is not followed"):
            export(case, tmp_path, START, START + DAY)

        assert elsewhere.request_log.requests == []


@pytest.mark.parametrize("case", STREAMS, ids=str)
def test_the_key_appears_in_nothing_that_runs_leave_behind(simulator, tmp_path, caplog, capsys, case):
    caplog.set_level(logging.DEBUG)
    key = key_of(case.vendor, simulator.settings)
    said = []
    for number, kind in enumerate([*KINDS, "status:403", "status:404", "redirect", "cursor-expired"]):
        simulator.reset()
        simulator.update(
            faults=(Fault(kind, at=2), Fault("status:401", at=9)), max_page=2, fault_retry_after=0
        )
        try:
            facts = export(case, tmp_path, START, START + DAY, run_id=str(number), retry=QUICK)
            said.append(json.dumps(facts))
        except (ConvExportError, AirflowFailException) as error:
            said.append(repr(error) + repr(error.__cause__))

    left = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(left) >= 2
    assert len(said) == len(KINDS) + 4
    assert not [content for content in left if key.encode() in content]
    assert key not in "".join(said) + caplog.text + "".join(capsys.readouterr())


@pytest.mark.parametrize("case", STREAMS, ids=str)
def test_a_wrong_key_fails_without_a_retry_and_says_what_to_check(simulator, tmp_path, connect, case):
    connect(case.vendor, simulator.url, key="wrong-and-secret-key")

    with pytest.raises(
        AirflowFailException, match="Check the API key in the connection's password"
    ) as caught:
        export(case, tmp_path, START, START + DAY)

    assert "wrong-and-secret-key" not in str(caught.value)
    assert len([visit for visit in simulator.request_log.requests if visit.credential == "wrong"]) >= 1
