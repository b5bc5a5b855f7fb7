"""One real Airflow for all tests of this folder, with the simulator beside it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_convexport.simulator.server import RunningSimulator, running
from airflow_provider_convexport.simulator.settings import SimulatorSettings
from tests.end_to_end.conftest import EXTRAS
from tests.scheduler.airflow_cluster import AirflowCluster, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

DAGS = Path(__file__).parent / "dags"
DAG_IDS = {f"{vendor}_{way}" for vendor in EXTRAS for way in ("windows", "daily")} | {
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
    simulator: RunningSimulator, exports: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AirflowCluster]:
    """A running Airflow that has parsed the Dags of this folder; all are paused."""
    variables = {"CONVEXPORT_TEST_NOW": NOW.isoformat(), "CONVEXPORT_TEST_EXPORTS": exports.as_uri()}
    for vendor, extra in EXTRAS.items():
        key = getattr(simulator.settings, f"{vendor}_key")
        connection = {"conn_type": vendor, "host": simulator.url, "password": key, "extra": extra}
        variables[f"AIRFLOW_CONN_{vendor.upper()}_DEFAULT"] = json.dumps(connection)
    cluster = AirflowCluster(tmp_path_factory.mktemp("airflow"), DAGS, variables)
    try:
        cluster.start()
        wait_until(lambda: cluster.dag_ids() >= DAG_IDS, seconds=60, what="all Dags")
        yield cluster
    finally:
        cluster.stop()
