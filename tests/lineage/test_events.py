"""What Airflow's own OpenLineage provider sends of real task runs, through its transport to a file."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from airflow_provider_convexport.hooks.vendors import stream_of
from airflow_provider_convexport.simulator.server import running
from airflow_provider_convexport.simulator.settings import SimulatorSettings
from tests.lineage.published_schemas import VARIABLE, PublishedSchemas, facets_of
from tests.support.connections import connections_to
from tests.support.published import manifests
from tests.support.samples import DAY
from tests.support.streams import MIDNIGHT

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
DAGS = HERE / "dags" / "lineage.py"
FIRST = MIDNIGHT - 9 * DAY
DAYS = [f"{FIRST + number * DAY:%Y-%m-%d}" for number in range(2)]
TWO_DAYS = {"interval": [FIRST.isoformat(), (FIRST + 2 * DAY).isoformat()]}
RUNS = ("lineage", "lineage", "unchanged", "refused")


class Seen:
    """What was sent and what is there after all runs.

    :param folder: Where all of it is.
    :param url: The simulator's address.
    :param states: For each run the states of its tasks.
    """

    def __init__(self, folder, url, states):
        self.folder, self.url, self.states = folder, url, states
        self.text = (folder / "events").read_text()
        self.events = [json.loads(line) for line in self.text.splitlines()]

    def last_of(self, job, kind="COMPLETE", number=-1):
        """Return an event of a task: the last one, or the one of a run."""
        return [each for each in self.events if (each["job"]["name"], each["eventType"]) == (job, kind)][
            number
        ]


def variables_of(folder, simulator):
    """Return the variables of an Airflow whose OpenLineage provider writes to a file."""
    bot, url = simulator.settings.agentx_bots[0], simulator.url
    wrong = {"conn_type": "agentx", "host": url, "password": "another-key", "extra": {"bot_name": bot}}
    catalog = {
        "type": "sql",
        "uri": f"sqlite:///{folder}/catalog.db",
        "warehouse": f"file://{folder}/warehouse",
    }
    transport = {"type": "file", "log_file_path": f"{folder}/events", "append": True}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    return (
        kept
        | connections_to(simulator)
        | {
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS.parent),
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
            "AIRFLOW_CONN_LAKE": json.dumps({"conn_type": "iceberg", "extra": catalog}),
            "AIRFLOW_CONN_AGENTX_WRONG_KEY": json.dumps(wrong),
            "LINEAGE_ROOT": f"file://{folder}/exports",
        }
    )


def output_of(*command, variables):
    done = subprocess.run(
        [sys.executable, *command], env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lineage")
    with running(SimulatorSettings(records=300)) as simulator:
        variables = variables_of(folder, simulator)
        output_of("-m", "airflow", "db", "migrate", variables=variables)
        runs = json.dumps([[name, TWO_DAYS] for name in RUNS])
        output = output_of(str(HERE / "run_dags.py"), str(DAGS), runs, variables=variables)
        (states,) = [line for line in output.splitlines() if line.startswith("STATES ")]
        return Seen(folder, simulator.url, json.loads(states.removeprefix("STATES ")))


def the(datasets):
    (dataset,) = datasets
    return dataset


def partitions(facet):
    (condition,) = (value for name, value in facet.items() if name.endswith("Condition"))
    return [each["identifier"] for each in condition["partitions"]]


def test_the_runs_ended_as_they_should(seen):
    tasks = ("catalog", "export", "files")
    assert seen.states == [
        dict.fromkeys(tasks, "success"),
        dict.fromkeys(tasks, "success"),
        {"export": "skipped"},
        {"export": "failed"},
    ]


def test_an_export_reads_the_vendors_endpoint_and_writes_one_dataset_with_its_partitions(seen):
    event = seen.last_of("lineage.export", number=0)
    published = list(manifests(seen.folder / "exports" / "agentx" / "messages").values())

    read, written = the(event["inputs"]), the(event["outputs"])

    assert (read["namespace"], read["name"]) == (seen.url, stream_of("agentx", "messages").path)
    assert (written["namespace"], written["name"]) == ("file", f"{seen.folder}/exports/agentx/messages")
    assert partitions(written["outputFacets"]["subset"]) == DAYS
    counts = written["outputFacets"]["outputStatistics"]
    files = [file for each in published for file in each["files"]]
    assert counts["rowCount"] == sum(each["records"] for each in published) > 0
    assert counts["fileCount"] == len(files)
    assert counts["size"] > 0
    assert "lifecycleStateChange" not in written["facets"]


def test_a_second_export_is_an_overwrite_whose_version_is_the_commit_that_is_there(seen):
    facets = the(seen.last_of("lineage.export")["outputs"])["facets"]
    commits = {each["commit"] for each in manifests(seen.folder / "exports" / "agentx" / "messages").values()}

    assert facets["lifecycleStateChange"]["lifecycleStateChange"] == "OVERWRITE"
    assert {facets["version"]["datasetVersion"]} == commits


@pytest.mark.parametrize(
    ("task", "name", "has_raw"),
    [("files", "exports/tables/messages", True), ("catalog", "warehouse/support/messages", False)],
)
def test_tables_read_the_raw_dataset_and_write_one_dataset_for_each_table(seen, task, name, has_raw):
    first, second = (seen.last_of(f"lineage.{task}", number=number) for number in range(2))
    read, written = the(first["inputs"]), the(first["outputs"])

    assert (read["namespace"], read["name"]) == ("file", f"{seen.folder}/exports/agentx/messages")
    assert partitions(read["inputFacets"]["subset"]) == DAYS
    assert (written["namespace"], written["name"]) == ("file", f"{seen.folder}/{name}")
    assert partitions(written["outputFacets"]["subset"]) == DAYS
    columns = {each["name"]: each["type"] for each in written["facets"]["schema"]["fields"]}
    assert (columns["sent_at"], "raw" in columns) == ("timestamp[us, tz=UTC]", has_raw)
    exported = the(seen.last_of("lineage.export", number=0)["outputs"])["outputFacets"]["outputStatistics"]
    assert written["outputFacets"]["outputStatistics"]["rowCount"] == exported["rowCount"]
    assert "lifecycleStateChange" not in written["facets"]
    assert the(second["outputs"])["facets"]["lifecycleStateChange"]["lifecycleStateChange"] == "OVERWRITE"
    versions = [the(each["outputs"])["facets"]["version"]["datasetVersion"] for each in (first, second)]
    assert versions[0] != versions[1]


def test_a_table_in_a_catalog_is_known_by_its_name_there_too(seen):
    facets = the(seen.last_of("lineage.catalog")["outputs"])["facets"]
    place = f"sqlite:///{seen.folder}/catalog.db"

    (link,) = facets["symlinks"]["identifiers"]
    assert link == {"namespace": place, "name": "support.messages", "type": "TABLE"}
    catalog = facets["catalog"]
    assert (catalog["framework"], catalog["type"], catalog["name"]) == ("iceberg", "sql", "lake")
    assert (catalog["metadataUri"], catalog["warehouseUri"]) == (place, f"file://{seen.folder}/warehouse")


def test_a_run_that_publishes_nothing_and_one_that_fails_have_no_output(seen):
    nothing_new, refused = seen.last_of("unchanged.export"), seen.last_of("refused.export", "FAIL")

    assert (nothing_new["outputs"], refused["outputs"]) == ([], [])
    assert the(nothing_new["inputs"])["namespace"] == the(refused["inputs"])["namespace"] == seen.url


def test_no_event_names_work_in_progress_a_file_or_a_key(seen):
    files = [path.name for path in seen.folder.rglob("part-*")]

    assert files
    assert not [name for name in (*files, "_staging", "another-key") if name in seen.text]


@pytest.mark.parametrize(("dag", "folder"), [("lineage", "agentx/messages"), ("refused", "refused")])
def test_the_link_to_the_partitions_is_kept_for_the_ui_also_of_a_failed_try(seen, dag, folder):
    with closing(sqlite3.connect(seen.folder / "airflow" / "airflow.db")) as database:
        query = "SELECT value FROM xcom WHERE dag_id = ? AND task_id = 'export' AND key = ?"
        links = {json.loads(value) for (value,) in database.execute(query, (dag, "_link_PartitionsLink"))}

    root = quote(f"file://{seen.folder}/exports/{folder}", safe="")
    assert links == {f"/convexport/dataset?root={root}&from={DAYS[0]}&to={DAYS[1]}"}


def test_the_progress_of_an_export_is_in_the_state_of_its_task_which_the_ui_shows(seen):
    with closing(sqlite3.connect(seen.folder / "airflow" / "airflow.db")) as database:
        query = "SELECT value FROM task_state_store WHERE dag_id = 'lineage' AND key = 'convexport_progress'"
        found = [json.loads(value) for (value,) in database.execute(query)]

    # Of the runs of a Dag, ``dag.test`` keeps the last one.
    assert [(each["share"], each["records"] > 0) for each in found] == [(1.0, True)]


def test_every_facet_of_a_dataset_says_which_published_schema_it_follows(seen):
    urls = {
        facet["_schemaURL"].partition("#")[0].rpartition("/")[2]
        for event in seen.events
        for facet in facets_of({**event, "run": {}, "job": {}})
    }

    assert urls == {
        "BaseSubsetDatasetFacet.json",
        "CatalogDatasetFacet.json",
        "DatasetVersionDatasetFacet.json",
        "LifecycleStateChangeDatasetFacet.json",
        "OutputStatisticsOutputDatasetFacet.json",
        "SchemaDatasetFacet.json",
        "SymlinksDatasetFacet.json",
    }


@pytest.mark.skipif(VARIABLE not in os.environ, reason=f"{VARIABLE} names no folder of published schemas")
def test_events_follow_the_published_schemas_and_a_damaged_one_does_not(seen):
    schemas = PublishedSchemas(Path(os.environ[VARIABLE]))

    assert [problem for event in seen.events for problem in schemas.problems(event)] == []
    damaged = json.loads(json.dumps(seen.last_of("lineage.export")))
    the(damaged["outputs"])["outputFacets"]["outputStatistics"]["rowCount"] = "many"
    del damaged["eventTime"]
    assert len(schemas.problems(damaged)) == 2
