"""One real Airflow for all tests of this folder, with the simulator beside it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

from airflow_provider_convexport.hooks.vendors import vendors
from airflow_provider_convexport.simulator.server import RunningSimulator, running
from airflow_provider_convexport.simulator.settings import SimulatorSettings
from dev.cluster.cluster import Cluster
from dev.cluster.sqlite_backend import SqliteBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

DAGS = Path(__file__).parent / "dags"
DAG_IDS = {f"{vendor}_{way}" for vendor in vendors() for way in ("windows", "daily")} | {
    "slow_export",
    "settled",
}

NOW = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
"""What the Dags take for the present: yesterday, when everything up to it has settled."""


@pytest.fixture(scope="session")
def simulator() -> Iterator[RunningSimulator]:
    """The three vendors with their limits on and few records a day."""
    with running(SimulatorSettings(records=800)) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the Dags export to."""
    return tmp_path_factory.mktemp("exports")


@pytest.fixture(scope="session")
def airflow(
    request: pytest.FixtureRequest,
    simulator: RunningSimulator,
    exports: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Cluster]:
    """Airflow, once it has parsed the Dags of this folder, all paused; its logs are kept if a test fails."""
    cluster = Cluster.at(
        tmp_path_factory.mktemp("airflow"),
        SqliteBackend(),
        dags=(DAGS,),
        simulator=simulator.url,
        variables={"CONVEXPORT_TEST_NOW": NOW.isoformat(), "CONVEXPORT_TEST_EXPORTS": exports.as_uri()},
    )
    try:
        cluster.up()
        wait_until(lambda: cluster.api.dag_ids() >= DAG_IDS, seconds=60, what="all Dags")
        yield cluster
    finally:
        cluster.down(keep_logs=bool(request.session.testsfailed), kill=True)


def wait_until(condition: Callable[[], T], *, seconds: float, what: str) -> T:
    """Return the first true value of a condition that is checked twice a second."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited {seconds:.0f} s in vain for {what}.")
        time.sleep(0.5)
    return value
