"""One real Airflow for all tests of this folder, with the simulator beside it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import airflow.sdk
import pytest

from airflow_provider_convexport.hooks.vendors import vendors
from airflow_provider_convexport.simulator.server import RunningSimulator, running
from airflow_provider_convexport.simulator.settings import SimulatorSettings
from dev.cluster.airflow import connection
from dev.cluster.cluster import EXAMPLES, Cluster
from dev.cluster.sqlite_backend import SqliteBackend
from tests.support.streams import YESTERDAY
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

DAGS = Path(__file__).parent / "dags"
DAG_IDS = {f"{vendor}_{way}" for vendor in vendors() for way in ("windows", "daily")} | {
    "slow_export",
    "settled",
    "wrong_key",
    "export_days",
    "tables_on_change_ada",
}
COPIED = ["tables_on_change"]
if hasattr(airflow.sdk, "PartitionedAssetTimetable"):
    COPIED.append("ada_partitioned_tables")
    DAG_IDS.add("ada_partitioned_tables")


@pytest.fixture(scope="session")
def simulator() -> Iterator[RunningSimulator]:
    """The vendors with their limits on and few records a day."""
    with running(SimulatorSettings(records=800, hostile=True)) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the Dags export to."""
    return tmp_path_factory.mktemp("exports")


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example Dags that run here."""
    folder = tmp_path_factory.mktemp("examples")
    for name in COPIED:
        shutil.copy(EXAMPLES / f"{name}.py", folder)
    return folder


@pytest.fixture(scope="session")
def airflow(
    request: pytest.FixtureRequest,
    simulator: RunningSimulator,
    exports: Path,
    examples: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Cluster]:
    """Airflow, once it has parsed the Dags of this folder, all paused; its logs are kept if a test fails."""
    cluster = Cluster.at(
        tmp_path_factory.mktemp("airflow"),
        SqliteBackend(),
        dags=(DAGS, examples),
        simulator=simulator.url,
        variables={
            # What the Dags take for the present: everything up to it has settled.
            "CONVEXPORT_TEST_NOW": YESTERDAY.isoformat(),
            "CONVEXPORT_TEST_EXPORTS": exports.as_uri(),
            "AIRFLOW_CONN_ADA_WRONG_KEY": connection("ada", host=simulator.url, password="another-key"),
        },
    )
    try:
        cluster.up()
        wait_until(lambda: cluster.api.dag_ids() >= DAG_IDS, seconds=60, what="all Dags")
        yield cluster
    finally:
        cluster.down(keep_logs=bool(request.session.testsfailed), kill=True)
