"""The simulator, with connections of all vendors to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

import pytest

from airflow_provider_convexport.simulator.server import RunningSimulator, running
from airflow_provider_convexport.simulator.settings import SimulatorSettings
from tests.support.connections import connections_to, define

QUIET = SimulatorSettings(records=1_200, limits=False, hostile=True)


@pytest.fixture(scope="session")
def shared_simulator() -> Iterator[RunningSimulator]:
    """One simulator for all tests of a process; `simulator` puts its switches back for each of them."""
    with running(QUIET) as simulator:
        yield simulator


@pytest.fixture
def simulator(
    shared_simulator: RunningSimulator, no_pacing: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RunningSimulator]:
    """The simulator with its switches at rest, the vendors' connections to it, and no pacing."""
    rest(shared_simulator)
    define(monkeypatch, connections_to(shared_simulator))
    yield shared_simulator
    rest(shared_simulator)


@pytest.fixture
def strict_simulator(monkeypatch: pytest.MonkeyPatch, tmp_path) -> Iterator[RunningSimulator]:
    """A simulator that refuses what is above the limits; budgets are counted in files of this test's own."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with running(SimulatorSettings(records=2_000, hostile=True)) as simulator:
        define(monkeypatch, connections_to(simulator))
        yield simulator


def rest(simulator: RunningSimulator) -> None:
    """Put every switch back."""
    simulator.update(**{field.name: getattr(QUIET, field.name) for field in fields(QUIET)})
    simulator.reset()
