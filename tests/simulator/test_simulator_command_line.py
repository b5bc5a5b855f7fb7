from __future__ import annotations

import re
import signal
import subprocess
import sys

import pytest
import requests

from airflow_provider_convexport.simulator.__main__ import _parser, settings_of
from airflow_provider_convexport.simulator.faults import Fault
from airflow_provider_convexport.simulator.settings import SimulatorSettings

COMMAND = [sys.executable, "-m", "airflow_provider_convexport.simulator"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_tells_its_address_and_stops_cleanly(number):
    with subprocess.Popen(
        [*COMMAND, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        line = run.stdout.readline()
        url = re.fullmatch(r"Simulator listening on (http://127\.0\.0\.1:\d+)\n", line).group(1)
        assert requests.get(f"{url}/_simulator/summary", timeout=5).json()["requests"] == 0
        run.send_signal(number)
        assert run.wait(5) == 0
        assert run.stderr.read() == ""


def test_no_flags_mean_the_defaults():
    assert settings_of(_parser().parse_args([])) == SimulatorSettings()


def test_every_switch_has_a_flag():
    line = (
        "--seed 5 --records 10 --no-limits --pretty --agentx-bots a,b --max-page 3 --page-latency 0.5 "
        "--ada-list-key items --foreign-next https://x --fault reset@3 --fault-rate 0.1 --faults mixed "
        "--fault-seed 9"
    )

    assert settings_of(_parser().parse_args(line.split())) == SimulatorSettings(
        seed=5,
        records=10,
        limits=False,
        pretty=True,
        agentx_bots=("a", "b"),
        max_page=3,
        page_latency=0.5,
        ada_list_key="items",
        foreign_next="https://x",
        faults=(Fault("reset", at=3), Fault("mixed", rate=0.1, seed=9)),
    )


def test_it_imports_nothing_of_airflow():
    code = (
        "import sys, airflow_provider_convexport.simulator.__main__;"
        "print([name for name in sys.modules if name.split('.')[0] == 'airflow'])"
    )

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
