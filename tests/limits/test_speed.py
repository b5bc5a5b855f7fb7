"""The vendor's limit, not its latency, decides how long an export takes."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from airflow_provider_convexport.export.window import Window
from airflow_provider_convexport.hooks.agentx import AgentXHook
from tests.support.exports import export
from tests.support.published import partitions, truth
from tests.support.samples import DAY
from tests.support.streams import MIDNIGHT, STREAMS, case_of
from tests.support.vendors import key_of

pytestmark = pytest.mark.slow

START = MIDNIGHT - 20 * DAY


@contextmanager
def separate_simulator(*arguments: str):
    """Run the simulator in a process of its own, so that it does not share this one's processor time."""
    module = "airflow_provider_convexport.simulator"
    command = [sys.executable, "-m", module, "--port", "0", "--hostile", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def test_sixty_pages_of_agentx_with_a_second_of_latency_take_at_most_25_seconds(strict_simulator, tmp_path):
    assert AgentXHook.limits[0].requests == 3
    strict_simulator.update(records=400 * 6_000 - 4, page_latency=1.0)
    case = case_of("agentx")
    hook = AgentXHook()
    hook.window_reading.decide(hook.query(), Window(START, START + DAY))  # three requests once per account

    begun = time.monotonic()
    facts = export(case, tmp_path, START, START + DAY, page_size=100)
    seconds = time.monotonic() - begun

    print(f"{facts['requests']} requests in {seconds:.1f} s")
    assert facts["records"] >= 5_950
    assert partitions(tmp_path) == truth(strict_simulator, case, START, START + DAY)
    assert all(visit.status == 200 for visit in strict_simulator.request_log.requests)
    assert seconds <= 25


def test_twenty_pages_of_ada_at_two_seconds_each_take_at_most_16_seconds(tmp_path, connect):
    case = case_of("ada")
    with separate_simulator("--records", str(400 * 199_000), "--page-latency", "2") as url:
        connect("ada", url, key=key_of("ada"))
        export(case, tmp_path / "first", START, START + DAY)  # the simulator makes its records

        begun = time.monotonic()
        facts = export(case, tmp_path, START, START + DAY)
        seconds = time.monotonic() - begun

    print(f"{facts['requests']} requests in {seconds:.1f} s")
    assert facts["records"] >= 198_000
    assert seconds <= 16


@pytest.mark.parametrize("case", STREAMS, ids=str)
def test_a_day_that_fits_one_page_costs_one_request(strict_simulator, tmp_path, case):
    export(case, tmp_path / "first", START, START + DAY)  # finds out what the vendor does not say

    facts = export(case, tmp_path, START, START + DAY)

    assert facts["requests"] == 1
