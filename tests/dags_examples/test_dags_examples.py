from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from airflow.serialization import serialized_objects
from airflow.utils.state import DagRunState

from airflow_provider_convexport.operators.ada import AdaExportOperator
from airflow_provider_convexport.operators.agentx import AgentXExportOperator
from airflow_provider_convexport.operators.applied_labs import AppliedLabsExportOperator
from airflow_provider_convexport.simulator.server import running
from airflow_provider_convexport.simulator.settings import SimulatorSettings

FILES = sorted((Path(__file__).parents[2] / "dags_examples").glob("*.py"))
SETTINGS = SimulatorSettings(records=2_000)
MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
DAY = timedelta(days=1)

# What each Dag exports in one run: vendor, stream, scope.
EXPORTS = {
    "ada_daily": {("ada", "conversations", ""), ("ada", "messages", "")},
    "agentx_daily": {
        ("agentx", stream, bot) for stream in ("conversations", "messages") for bot in SETTINGS.agentx_bots
    },
    "applied_labs_daily": {("applied_labs", "conversations", SETTINGS.applied_labs_shops[0])},
}

PARSE = """
import json, runpy, sys, time
import airflow.sdk, airflow.timetables.interval

seconds = {}
for path in sys.argv[1:]:
    start = time.process_time()
    runpy.run_path(path)
    seconds[path] = time.process_time() - start
print(json.dumps(seconds))
"""


def dag_of(file):
    return runpy.run_path(str(file))["dag"]


def round_trip(dag):
    """Serialise a Dag as the processor does, and read it back as the scheduler does."""
    name = "DagSerialization" if hasattr(serialized_objects, "DagSerialization") else "SerializedDAG"
    serialization = getattr(serialized_objects, name)
    stored = json.dumps(serialization.to_dict(dag))
    return serialization.from_dict(json.loads(stored))


def settings_of(task):
    return getattr(task, "partial_kwargs", None) or vars(task)


@pytest.fixture(scope="module")
def seconds_to_parse(tmp_path_factory):
    """Processor seconds of parsing each file, where there is no connection, variable or database."""
    home = tmp_path_factory.mktemp("no-airflow")
    nowhere = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////nowhere/airflow.db",
    }
    command = [sys.executable, "-c", PARSE, *map(str, FILES)]
    done = subprocess.run(command, env=os.environ | nowhere, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def simulator():
    with running(SETTINGS) as simulator:
        yield simulator


@pytest.fixture
def vendors(simulator, monkeypatch):
    """Connections of all three vendors, as a user would set them."""
    shop = {"shop_id": SETTINGS.applied_labs_shops[0]}
    for conn_type, key, extra in (
        ("applied_labs", SETTINGS.applied_labs_key, shop),
        ("ada", SETTINGS.ada_key, {}),
        ("agentx", SETTINGS.agentx_key, {}),
    ):
        connection = {"conn_type": conn_type, "host": simulator.url, "password": key, "extra": extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_type.upper()}_DEFAULT", json.dumps(connection))


def test_every_example_is_tested():
    assert {file.stem for file in FILES} == set(EXPORTS)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_is_parsed_within_a_second_and_without_connections_or_database(file, seconds_to_parse):
    assert seconds_to_parse[str(file)] < 1


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_dag_survives_serialisation(file):
    dag = dag_of(file)
    restored = round_trip(dag)

    assert restored.dag_id == dag.dag_id == file.stem
    assert restored.task_ids == dag.task_ids
    assert restored.catchup is True
    for task in dag.tasks:
        assert list(restored.get_task(task.task_id).template_fields) == list(task.template_fields)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_scheduled_run_exports_the_day_after_its_logical_date(file):
    runs = round_trip(dag_of(file)).iter_dagrun_infos_between(MIDNIGHT - 3 * DAY, MIDNIGHT - 2 * DAY)
    intervals = [(run.data_interval.start, run.data_interval.end) for run in runs]

    assert intervals == [(MIDNIGHT - 3 * DAY, MIDNIGHT - 2 * DAY), (MIDNIGHT - 2 * DAY, MIDNIGHT - DAY)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_task_retries_and_has_its_vendors_pool(file):
    vendor = file.stem.removesuffix("_daily")

    for task in dag_of(file).tasks:
        assert settings_of(task)["pool"] == f"convexport_{vendor}"
        assert settings_of(task)["retries"] == 5


@pytest.mark.parametrize("operator", [AdaExportOperator, AgentXExportOperator, AppliedLabsExportOperator])
def test_template_fields_are_attributes_that_the_constructor_leaves_as_they_are(operator):
    given = {field: f"{{{{ {field} }}}}" for field in operator.template_fields}
    task = operator(task_id="export", **given)

    assert {field: getattr(task, field) for field in operator.template_fields} == given


# Airflow's whole API server runs in this process; what its libraries warn of is not ours to judge.
@pytest.mark.filterwarnings("ignore", "error:::airflow_provider_convexport")
@pytest.mark.usefixtures("airflow_db", "vendors")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_dag_runs(file, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_VAR_CONVEXPORT_ROOT", tmp_path.as_uri())

    # A run by hand exports the interval that ended at its logical date.
    run = dag_of(file).test(logical_date=MIDNIGHT - 2 * DAY)

    assert run.state == DagRunState.SUCCESS
    manifests = [json.loads(path.read_text()) for path in tmp_path.rglob("_manifest.json")]
    assert {exported_by(manifest) for manifest in manifests} == EXPORTS[file.stem]
    for manifest in manifests:
        assert manifest["partition"]["start"] == f"{MIDNIGHT - 3 * DAY:%Y-%m-%dT%H:%M:%SZ}"
        assert manifest["records"] > 0


def exported_by(manifest):
    return manifest["vendor"], manifest["stream"], "".join(manifest["scope"].values())
