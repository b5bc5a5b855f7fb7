"""One real Airflow for all tests of this folder, with the simulator beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_convexport.hooks.vendors import vendors
from airflow_provider_convexport.simulator.server import RunningSimulator, running
from airflow_provider_convexport.simulator.settings import SimulatorSettings
from tests.scheduler.airflow_cluster import AirflowCluster, wait_until
from tests.support.connections import connections_to
from tests.support.streams import YESTERDAY

if TYPE_CHECKING:
    from collections.abc import Iterator

DAGS = Path(__file__).parent / "dags"
DAG_IDS = {f"{vendor}_{way}" for vendor in vendors() for way in ("windows", "daily")} | {
    "slow_export",
    "settled",
}


@pytest.fixture(scope="session")
def simulator() -> Iterator[RunningSimulator]:
    """The vendors with their limits on and few records a day."""
    with running(SimulatorSettings(records=800)) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the Dags export to."""
    return tmp_path_factory.mktemp("exports")


@pytest.fixture(scope="session")
def airflow(
    simulator: RunningSimulator, exports: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AirflowCluster]:
    """A running Airflow that has parsed the Dags of this folder; all are paused."""
    variables = {
        # What the Dags take for the present: everything up to it has settled.
        "CONVEXPORT_TEST_NOW": YESTERDAY.isoformat(),
        "CONVEXPORT_TEST_EXPORTS": exports.as_uri(),
        **connections_to(simulator),
    }
    cluster = AirflowCluster(tmp_path_factory.mktemp("airflow"), DAGS, variables)
    try:
        cluster.start()
        wait_until(lambda: cluster.dag_ids() >= DAG_IDS, seconds=60, what="all Dags")
        yield cluster
    finally:
        cluster.stop()
