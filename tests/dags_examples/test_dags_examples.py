from __future__ import annotations

import ast
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from airflow.models.asset import AssetEvent
from airflow.sdk import DAG, Asset
from airflow.serialization import serialized_objects
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.version import version
from sqlalchemy import select

from airflow_provider_convexport.cli.backfill_plan import plan_backfill
from airflow_provider_convexport.export.window import Window, utc
from airflow_provider_convexport.hooks.vendors import hook_of, stream_of
from airflow_provider_convexport.hooks.vendors import vendors as all_vendors
from airflow_provider_convexport.simulator.server import running
from airflow_provider_convexport.simulator.settings import SimulatorSettings
from airflow_provider_convexport.tables.mapping import tables_of
from tests.support import published
from tests.support.connections import connections_to, define
from tests.support.iceberg import sqlite_catalog
from tests.support.outlet_events import ByAsset
from tests.support.samples import DAY
from tests.support.streams import MIDNIGHT, operator_of

FILES = sorted((Path(__file__).parents[2] / "dags_examples").glob("*.py"))
DOCS = Path(__file__).parents[2] / "docs"
GUIDES = sorted((DOCS / "how-to").glob("[a-z]*.md"))
SETTINGS = SimulatorSettings(records=2_000, hostile=True)

DAILY = [file for file in FILES if file.stem.endswith("_daily")]
WINDOWS = [file for file in FILES if file.stem.endswith("_windows")]
TABLES = [file for file in FILES if file.stem.removesuffix("_tables") in all_vendors()]

# What Airflow 3.1, or 3.2, does not have yet; nothing else is affected.
NEEDS = {"ada_partitioned": (3, 2), "ada_partitioned_tables": (3, 2), "ada_backfill_events": (3, 3)}
AIRFLOW = tuple(int(part) for part in version.split(".")[:2])
# What cannot be imported there.
MISSING = {name for name, minimum in NEEDS.items() if "partitioned" in name and minimum > AIRFLOW}
PARSED = [file for file in FILES if file.stem not in MISSING]

# What each vendor's Dags export in one run: vendor, stream, scope.
EXPORTS = {
    "ada": {("ada", "conversations", ""), ("ada", "messages", "")},
    "agentx": {
        ("agentx", stream, bot) for stream in ("conversations", "messages") for bot in SETTINGS.agentx_bots
    },
    "applied_labs": {("applied_labs", "conversations", SETTINGS.applied_labs_shops[0])},
}

# What they export into datasets of their own, by a time that moves: vendor, stream, scope, window_on.
CHANGES = {
    "ada": {("ada", "conversations", "", "updated")},
    "agentx": set(),
    "applied_labs": {("applied_labs", "conversations", SETTINGS.applied_labs_shops[0], "last_message_at")},
}
# What they need not export again, because each change of it is found by such a time.
NOT_AGAIN = {("ada", "conversations")}

PARSE = """
import json, runpy, sys, time
import airflow.sdk, airflow.timetables.interval

daily = airflow.timetables.interval.CronDataIntervalTimetable("@daily", timezone="UTC")
airflow.sdk.DAG("first", schedule=daily)
seconds = {}
for path in sys.argv[1:]:
    start = time.process_time()
    runpy.run_path(path)
    seconds[path] = time.process_time() - start
print(json.dumps(seconds))
"""


def by_stem(files):
    return pytest.mark.parametrize("file", files, ids=lambda file: file.stem)


def dag_of(file, name="dag"):
    return runpy.run_path(str(file))[name]


def example(stem):
    """The file of that name, unless this Airflow cannot run it."""
    if NEEDS.get(stem, (3, 1)) > AIRFLOW:
        pytest.skip(f"{stem} needs Airflow {'.'.join(map(str, NEEDS[stem]))}.")
    return next(file for file in FILES if file.stem == stem)


def vendor_of(file):
    return file.stem.rpartition("_")[0]


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
    command = [sys.executable, "-c", PARSE, *map(str, PARSED)]
    done = subprocess.run(command, env=os.environ | nowhere, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def simulator():
    with running(SETTINGS) as simulator:
        yield simulator


@pytest.fixture
def vendors(simulator, monkeypatch):
    """Connections of all vendors, as a user would set them."""
    define(monkeypatch, connections_to(simulator))


def test_every_example_is_tested():
    others = {"ada_hourly", "ada_partitioned", "ada_backfill_events", "ada_consumers"}
    others |= {"ada_late_edits", "hook_in_a_task"}
    others |= {"ada_partitioned_tables", "tables_on_change", "tables_rebuild", "tables_in_iceberg"}
    others |= {"weekly_audit"}

    assert {file.stem for file in FILES} == others | {file.stem for file in DAILY + WINDOWS + TABLES}
    for kind in (DAILY, WINDOWS, TABLES):
        assert {vendor_of(file) for file in kind} == set(EXPORTS)


@by_stem(PARSED)
def test_a_file_is_parsed_within_a_second_and_without_connections_or_database(file, seconds_to_parse):
    assert seconds_to_parse[str(file)] < 1


@by_stem(PARSED)
def test_every_dag_of_a_file_survives_serialisation(file):
    dags = dags_of(file)

    assert dags
    for dag in dags:
        restored = round_trip(dag)
        assert restored.dag_id == dag.dag_id
        assert dag.dag_id.startswith(file.stem) or file.stem == "ada_consumers"
        assert restored.task_ids == dag.task_ids
        for task in dag.tasks:
            assert list(restored.get_task(task.task_id).template_fields) == list(task.template_fields)


@by_stem(DAILY + TABLES)
def test_a_scheduled_run_exports_the_day_after_its_logical_date(file):
    restored = round_trip(dag_of(file))
    runs = restored.iter_dagrun_infos_between(MIDNIGHT - 3 * DAY, MIDNIGHT - 2 * DAY)
    intervals = [(run.data_interval.start, run.data_interval.end) for run in runs]

    assert restored.catchup is True
    assert intervals == [(MIDNIGHT - 3 * DAY, MIDNIGHT - 2 * DAY), (MIDNIGHT - 2 * DAY, MIDNIGHT - DAY)]


@by_stem(WINDOWS)
def test_the_windows_of_a_backfill_are_those_that_the_planner_speaks_of(file):
    planned = plan_backfill(vendor_of(file), start=MIDNIGHT - 200 * DAY, end=MIDNIGHT - 100 * DAY)
    span = planned.runs[0].window.start, planned.runs[-1].window.start

    runs = round_trip(dag_of(file)).iter_dagrun_infos_between(*span)

    assert planned.dag_id == file.stem
    assert [Window(utc(run.data_interval.start), utc(run.data_interval.end)) for run in runs] == [
        run.window for run in planned.runs
    ]


@by_stem(DAILY + WINDOWS)
def test_every_task_retries_and_has_its_vendors_pool(file):
    for task in dag_of(file).tasks:
        assert settings_of(task)["pool"] == f"convexport_{vendor_of(file)}"
        assert settings_of(task)["retries"] == 5


def dags_of(file):
    return [value for value in runpy.run_path(str(file)).values() if isinstance(value, DAG)]


def exports_of(file):
    """The settings of every export task of a file, of all its Dags."""
    tasks = [task for dag in dags_of(file) for task in dag.tasks]
    return [settings_of(task) for task in tasks if task.task_type.endswith("ExportOperator")]


@by_stem(PARSED)
def test_an_export_from_a_vendor_with_a_retention_clips_what_has_expired(file):
    """A fixed start_date is older than the retention one day; the default would fail those runs for ever."""
    for settings in exports_of(file):
        history = stream_of(vendor_of_settings(settings), settings.get("stream", "conversations")).history
        assert history is None or settings["on_expired"] == "clip"


def vendor_of_settings(settings):
    return settings["pool"].removeprefix("convexport_")


@by_stem(PARSED)
def test_an_asset_carries_the_uri_of_the_destination_that_it_describes(file):
    for settings in exports_of(file):
        for asset in settings.get("outlets") or ():
            assert isinstance(asset, Asset)
            assert asset.uri == settings["destination"] != asset.name


@pytest.mark.parametrize("root", ["s3://aws_default@bucket/raw", "gs://bucket/raw", "file:///tmp/x"])
def test_the_root_of_destinations_and_assets_is_read_from_the_environment(root, monkeypatch):
    monkeypatch.setenv("AIRFLOW_VAR_CONVEXPORT_ROOT", root)

    for settings in (settings for file in PARSED for settings in exports_of(file)):
        assert settings["destination"].startswith(f"{root}/")
        assert all(asset.uri == settings["destination"] for asset in settings.get("outlets") or ())


def test_an_asset_has_one_name_and_one_uri_in_all_examples():
    """Airflow deactivates an asset whose name or URI is that of another one."""
    assets = {
        (asset.name, asset.uri)
        for file in PARSED
        for settings in exports_of(file)
        for asset in settings.get("outlets") or ()
    }
    consumed = dag_of(example("ada_consumers"), "conversations")

    assert len(assets) == len(dict(assets)) == len({uri for _, uri in assets})
    assert (consumed.name, consumed.uri) in assets


@by_stem(PARSED)
def test_the_asset_of_an_export_says_its_vendor_and_stream(file):
    for settings in exports_of(file):
        told = {"vendor": vendor_of_settings(settings), "stream": settings.get("stream", "conversations")}
        assert [asset.extra for asset in settings.get("outlets") or ()] in ([], [told])


def test_an_asset_says_the_same_of_itself_in_all_examples():
    """Airflow keeps what it has read last, also of a Dag that only reads the asset."""
    told = defaultdict(set)
    for file in PARSED:
        for asset in assets_of(file):
            told[asset.name].add(json.dumps(asset.extra))

    assert {name: extras for name, extras in told.items() if len(extras) > 1} == {}
    assert len(told) > 10


def assets_of(file):
    """All assets that the Dags of a file write or wait for."""
    stored = [round_trip(dag) for dag in dags_of(file)]
    awaited = [asset for dag in stored for _, asset in dag.timetable.asset_condition.iter_assets()]
    return [*awaited, *(asset for dag in dags_of(file) for task in dag.tasks for asset in task.outlets)]


@by_stem(PARSED)
def test_every_dag_says_in_the_ui_what_it_needs(file):
    documentation = ast.get_docstring(ast.parse(file.read_text()), clean=False)
    needed = {
        name
        for settings in exports_of(file)
        for name in (settings["pool"], f"{vendor_of_settings(settings)}_default")
    }
    if minimum := NEEDS.get(file.stem):
        needed.add(f"Airflow {'.'.join(map(str, minimum))} or newer")

    assert "Requirements:" in documentation
    assert all(name in documentation for name in needed)
    for dag in dags_of(file):
        assert dag.doc_md == documentation


@by_stem(PARSED)
def test_every_dag_has_a_description_of_one_sentence(file):
    for dag in dags_of(file):
        assert re.fullmatch(r"[A-Z][^.]{20,90}\.", dag.description)


def test_every_description_is_another_one():
    descriptions = [dag.description for file in PARSED for dag in dags_of(file)]

    assert len(set(descriptions)) == len(descriptions) > len(PARSED)


# Dags that only assets start: what they read is in the event or the key.
WITHOUT_INTERVAL = {"ada_consumer", "ada_partitioned_reader", "ada_partitioned_tables"}
WITHOUT_INTERVAL |= {"tables_in_iceberg_maintenance"}
OF_A_YEAR = "tables_rebuild"


@by_stem(PARSED)
def test_the_trigger_form_of_every_dag_offers_an_interval(file):
    expected = {"interval": None, "last_whole": "hour" if file.stem == "ada_hourly" else "day"}

    for dag in dags_of(file):
        offered = {} if dag.dag_id in WITHOUT_INTERVAL else expected
        if dag.dag_id == OF_A_YEAR:
            offered = {"year": 2026}
        assert dag.params.dump() == round_trip(dag).params.dump() == offered


def datasets():
    """Every destination of all examples, with what each task that writes there says of it."""
    found = defaultdict(list)
    for file in PARSED:
        for settings in exports_of(file):
            stream = stream_of(vendor_of_settings(settings), settings.get("stream", "conversations"))
            outlets = {(asset.name, asset.uri) for asset in settings.get("outlets") or ()}
            identity = {
                "vendor": stream.vendor,
                "stream": stream.name,
                "window_on": settings.get("window_on") or next(iter(stream.time_fields)),
                "partition_by": settings.get("partition_by", "day"),
                "partition_timezone": settings.get("partition_timezone", "UTC"),
                "outlets": outlets,
            }
            found[settings["destination"]].append((identity, settings.get("skip_unchanged", False)))
    return found


SHARED = {destination: tasks for destination, tasks in datasets().items() if len(tasks) > 1}


@pytest.mark.parametrize("tasks", SHARED.values(), ids=[each.rpartition("convexport/")[2] for each in SHARED])
def test_tasks_that_share_a_dataset_agree_on_what_it_is_and_rewrite_no_day_without_need_or_event(tasks):
    """Else a backfill rewrites days that the daily Dag published, and no consumer is told."""
    first, _ = tasks[0]

    assert [identity for identity, _ in tasks] == [first] * len(tasks)
    assert first["outlets"]
    assert all(skips_unchanged for _, skips_unchanged in tasks)


def test_the_examples_that_share_a_dataset_are_seen():
    shared = {f"{vendor}/{stream}" for vendor, stream, _ in set().union(*EXPORTS.values())}

    assert {each.rpartition("convexport/")[2] for each in SHARED} >= shared


@by_stem(WINDOWS)
def test_the_daily_dag_and_the_one_for_backfills_write_to_the_same_folders(file):
    daily = destinations(file.with_name(f"{vendor_of(file)}_daily.py"))
    windows = destinations(file)

    assert windows == {task: destination for task, destination in daily.items() if task in windows}


def destinations(file):
    return {task.task_id: settings_of(task)["destination"] for task in dag_of(file).tasks}


@pytest.mark.parametrize("operator", [operator_of(vendor) for vendor in all_vendors()])
def test_template_fields_are_attributes_that_the_constructor_leaves_as_they_are(operator):
    given = {field: f"{{{{ {field} }}}}" for field in operator.template_fields}
    task = operator(task_id="export", **given)

    assert {field: getattr(task, field) for field in operator.template_fields} == given


# Airflow's whole API server runs in this process; what its libraries warn of is not ours to judge.
RUNS = [
    pytest.mark.filterwarnings("ignore", "error:::airflow_provider_convexport"),
    pytest.mark.usefixtures("airflow_db", "vendors"),
]


def runs(test):
    for mark in RUNS:
        test = mark(test)
    return test


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("exports")


@pytest.fixture
def root(folder, monkeypatch):
    """The empty root of the exports; the same for all tests, since the database keeps the assets' URIs."""
    shutil.rmtree(folder)
    folder.mkdir()
    monkeypatch.setenv("AIRFLOW_VAR_CONVEXPORT_ROOT", folder.as_uri())
    return folder


def manifests(root):
    return list(published.manifests(root).values())


def exported_by(manifest):
    return manifest["vendor"], manifest["stream"], "".join(manifest["scope"].values())


def interval_conf(start, end):
    return {"interval": [start.isoformat(), end.isoformat()]}


def by_start(manifests):
    """What manifests of one day each hold, by the start of that day."""
    found = defaultdict(set)
    for manifest in manifests:
        assert manifest["records"] > 0
        found[manifest["partition"]["start"]].add((*exported_by(manifest), manifest["window_on"]))
    return found


@pytest.mark.slow
@runs
@by_stem(DAILY)
def test_a_daily_dag_exports_its_day_and_the_days_before_it_again(file, root):
    vendor = vendor_of(file)
    created = {(*each, next(iter(stream_of(*each[:2]).time_fields))) for each in EXPORTS[vendor]}

    # A run by hand exports the interval that ended at its logical date.
    run = dag_of(file).test(logical_date=MIDNIGHT - 2 * DAY)

    assert run.state == DagRunState.SUCCESS
    found = by_start(manifests(root))
    days = [f"{MIDNIGHT - (3 + day) * DAY:%Y-%m-%dT%H:%M:%SZ}" for day in range(8)]
    assert sorted(found, reverse=True) == days
    assert found[days[0]] == created | CHANGES[vendor]
    assert {frozenset(found[day]) for day in days[1:]} == {
        frozenset(each for each in created if each[:2] not in NOT_AGAIN)
    }


@runs
@by_stem(WINDOWS)
def test_a_dag_for_backfills_runs_over_a_whole_window(file, root):
    windows = dag_of(file).timetable
    window = next(windows.windows(MIDNIGHT - 130 * DAY, MIDNIGHT - 65 * DAY))

    run = dag_of(file).test(logical_date=window.end)

    assert run.state == DagRunState.SUCCESS
    found = manifests(root)
    assert {exported_by(manifest) for manifest in found} == EXPORTS[vendor_of(file)]
    assert len(found) == window.length // DAY * len(EXPORTS[vendor_of(file)])


@pytest.mark.slow
@runs
@by_stem(DAILY)
def test_a_daily_dag_that_is_triggered_with_nothing_exports_the_last_whole_day(file, root):
    vendor = vendor_of(file)

    run = dag_of(file).test(logical_date=None, run_after=MIDNIGHT - DAY + timedelta(hours=5))

    assert run.state == DagRunState.SUCCESS
    found = by_start(manifests(root))
    days = [f"{MIDNIGHT - (2 + day) * DAY:%Y-%m-%dT%H:%M:%SZ}" for day in range(8)]
    assert sorted(found, reverse=True) == days
    assert {each[:3] for each in found[days[0]]} == EXPORTS[vendor]


@pytest.mark.slow
@runs
@by_stem(DAILY)
def test_a_daily_dag_exports_the_interval_of_the_form_and_the_days_before_it(file, root):
    form = interval_conf(MIDNIGHT - 20 * DAY, MIDNIGHT - 18 * DAY) | {"last_whole": "day"}

    run = dag_of(file).test(logical_date=None, run_conf=form)

    assert run.state == DagRunState.SUCCESS
    days = [f"{MIDNIGHT - (27 - day) * DAY:%Y-%m-%dT%H:%M:%SZ}" for day in range(9)]
    assert sorted(by_start(manifests(root))) == days


@runs
def test_a_form_that_was_left_as_it_is_exports_the_data_interval(root):
    form = {"interval": None, "last_whole": "day"}

    run = dag_of(example("ada_windows")).test(logical_date=MIDNIGHT - 70 * DAY, run_conf=form)

    assert run.state == DagRunState.SUCCESS
    assert len(by_start(manifests(root))) == 59


@runs
def test_the_hourly_dag_runs(root):
    run = dag_of(example("ada_hourly")).test(logical_date=MIDNIGHT - 2 * DAY)

    assert run.state == DagRunState.SUCCESS
    found = manifests(root)
    assert {exported_by(manifest) for manifest in found} == EXPORTS["ada"]
    assert {manifest["partition"]["start"] for manifest in found} == {
        f"{MIDNIGHT - 2 * DAY - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    }


@runs
@pytest.mark.parametrize(
    ("name", "under", "changed"),
    [
        ("ada_late_edits", "ada_late_edits", "conversations_updated"),
        ("applied_labs_daily", "applied_labs", "conversations_active"),
    ],
)
def test_late_edits_rewrite_nothing_while_nothing_is_edited(root, name, under, changed):
    file = example(name)

    first = dag_of(file).test(logical_date=MIDNIGHT - 3 * DAY)
    before = {manifest["commit"] for manifest in manifests(root / under)}
    second = dag_of(file).test(logical_date=MIDNIGHT - 2 * DAY)

    assert {first.state, second.state} == {DagRunState.SUCCESS}
    found = manifests(root / under)
    by_window = Counter(manifest["window_on"] for manifest in found)
    assert sorted(by_window.values()) == [2, 9]
    assert before < {manifest["commit"] for manifest in found}
    assert len(list((root / under / changed).rglob("_manifest.json"))) == 2


@pytest.mark.slow
@runs
@by_stem(WINDOWS)
def test_a_backfill_leaves_the_days_of_the_daily_dag_as_they_are(file, root):
    windows = dag_of(file).timetable
    window = next(windows.windows(MIDNIGHT - 130 * DAY, MIDNIGHT - 65 * DAY))
    shared = set(destinations(file).values())
    dag_of(file.with_name(f"{vendor_of(file)}_daily.py")).test(logical_date=window.start + DAY)
    before = commits_of_day(shared, window.start)

    run = dag_of(file).test(logical_date=window.end)

    assert run.state == DagRunState.SUCCESS
    assert len(before) == len(EXPORTS[vendor_of(file)])
    assert commits_of_day(shared, window.start) == before


def commits_of_day(destinations, day):
    """The versions of a day that are published in some destinations."""
    return {
        manifest["commit"]
        for destination in destinations
        for manifest in manifests(Path(urlsplit(destination).path))
        if manifest["partition"]["start"] == f"{day:%Y-%m-%dT%H:%M:%SZ}"
    }


@runs
def test_the_partitioned_dag_and_its_reader_run_for_a_day(root):
    file = example("ada_partitioned")
    conf = interval_conf(MIDNIGHT - 3 * DAY, MIDNIGHT - 2 * DAY)

    exported = dag_of(file).test(logical_date=None, run_conf=conf)
    read = dag_of(file, "reader").test(logical_date=None, run_conf=conf)

    assert {exported.state, read.state} == {DagRunState.SUCCESS}
    assert [manifest["partition"]["start"] for manifest in manifests(root)] == [
        f"{MIDNIGHT - 3 * DAY:%Y-%m-%dT%H:%M:%SZ}"
    ]


@runs
def test_a_backfill_sends_an_event_for_each_day(root):
    dag = dag_of(example("ada_backfill_events"))
    start = MIDNIGHT - 5 * DAY

    run = dag.test(logical_date=None, run_conf=interval_conf(start, start + 3 * DAY))

    assert run.state == DagRunState.SUCCESS
    assert len(manifests(root)) == 3
    with create_session() as session:
        events = session.scalars(select(AssetEvent).where(AssetEvent.source_dag_id == dag.dag_id)).all()
        assert {event.partition_key for event in events} == {
            f"{start + day * DAY:%Y-%m-%d}" for day in range(3)
        }


def test_a_consumer_reads_the_manifests_that_the_events_name():
    (read,) = dag_of(example("ada_consumers"), "consumer").tasks
    events = ByAsset((read.inlets[0], [SimpleNamespace(extra={"manifests": ["a", "b"]})]))

    assert read.python_callable(triggering_asset_events=events) == ["a", "b"]
    assert read.python_callable() == []


@runs
def test_consumers_read_what_was_exported(root):
    start = MIDNIGHT - 3 * DAY
    dag_of(example("ada_daily")).test(logical_date=start + DAY)

    report = dag_of(example("ada_consumers")).test(logical_date=start + DAY)
    consumer = dag_of(example("ada_consumers"), "consumer").test(logical_date=None)

    assert {report.state, consumer.state} == {DagRunState.SUCCESS}
    counted = report.get_task_instance("count_lines").xcom_pull(task_ids="count_lines")
    (manifest,) = manifests(root / "ada" / "conversations")
    assert counted == manifest["records"] > 0


def tables_of_day(root, vendor, day):
    """What the tables have of a vendor's day: rows by table, window_on and scope."""
    return {
        (manifest["table"]["name"], manifest["window_on"], "".join(manifest["scope"].values())): manifest
        for manifest in manifests(root / "tables")
        if manifest["vendor"] == vendor and manifest["partition"]["start"] == f"{day:%Y-%m-%dT%H:%M:%SZ}"
    }


def states_of(run):
    return {each.task_id: each.state for each in run.get_task_instances()}


@runs
@by_stem(TABLES)
def test_a_dag_makes_the_tables_of_what_it_exports(file, root):
    vendor, day = vendor_of(file), MIDNIGHT - 3 * DAY

    first = dag_of(file).test(logical_date=day + DAY)

    assert first.state == DagRunState.SUCCESS
    raw = {(*exported_by(each), each["window_on"]): each for each in manifests(root / vendor)}
    assert set(raw) == CHANGES[vendor] | {
        (*each, next(iter(stream_of(*each[:2]).time_fields))) for each in EXPORTS[vendor]
    }
    found = tables_of_day(root, vendor, day)
    expected = {
        (table, window_on, scope): manifest
        for (_, stream, scope, window_on), manifest in raw.items()
        for table in tables_of(vendor, stream)
    }
    assert set(found) == set(expected)
    for key, manifest in found.items():
        assert manifest["source"]["commit"] == expected[key]["commit"]
        assert manifest["records"] > 0
        if key[0] == expected[key]["stream"]:
            assert manifest["records"] == expected[key]["records"]


@pytest.mark.slow
@runs
@by_stem(TABLES)
def test_a_second_run_of_the_same_day_changes_no_table(file, root):
    day = MIDNIGHT - 3 * DAY
    dag_of(file).test(logical_date=day + DAY)
    before = {manifest["commit"] for manifest in manifests(root)}

    second = dag_of(file).test(logical_date=day + DAY)

    assert second.state == DagRunState.SUCCESS
    assert {manifest["commit"] for manifest in manifests(root)} == before
    assert states_of(second)["tables"] == "skipped"


@pytest.mark.slow
@runs
@by_stem(DAILY)
def test_tables_are_made_of_what_the_daily_dag_has_published(file, root):
    vendor, day = vendor_of(file), MIDNIGHT - 3 * DAY
    dag_of(file).test(logical_date=day + DAY)

    run = dag_of(example("tables_on_change"), vendor).test(
        logical_date=None, run_conf=interval_conf(day, day + DAY)
    )

    assert run.state == DagRunState.SUCCESS
    assert {(table, window_on) for table, window_on, _ in tables_of_day(root, vendor, day)} == {
        (table, manifest["window_on"])
        for manifest in manifests(root / vendor)
        for table in tables_of(vendor, manifest["stream"])
    }


@by_stem(DAILY)
@pytest.mark.parametrize("stem", ["tables_on_change", "tables_in_iceberg"])
def test_every_dataset_of_the_daily_dag_starts_the_dag_that_makes_its_tables(file, stem):
    sent = [asset for settings in exports_of(file) for asset in settings["outlets"]]
    dag = dag_of(example(stem), vendor_of(file))
    (task,) = dag.tasks

    assert {(asset.name, asset.uri) for asset in sent} == {
        (asset.name, asset.uri) for asset in dag.timetable.asset_condition.objects
    }
    assert {asset.uri for asset in sent} == set(task.sources)


@pytest.mark.slow
@runs
def test_all_vendors_write_to_one_iceberg_namespace_and_old_snapshots_expire(root, monkeypatch):
    extra = {"type": "sql", "uri": f"sqlite:///{root}/catalog.db", "warehouse": f"file://{root}/warehouse"}
    monkeypatch.setenv(
        "AIRFLOW_CONN_ICEBERG_DEFAULT", json.dumps({"conn_type": "iceberg", "extra": json.dumps(extra)})
    )
    day = MIDNIGHT - 3 * DAY
    for file in DAILY:
        dag_of(file).test(logical_date=day + DAY)

    def make():
        for vendor in EXPORTS:
            dag = dag_of(example("tables_in_iceberg"), vendor)
            yield dag.test(logical_date=None, run_conf=interval_conf(day, day + DAY))

    assert {states_of(run)["tables"] for run in make()} == {"success"}
    assert {states_of(run)["tables"] for run in make()} == {"skipped"}
    raw = Counter()
    for vendor in EXPORTS:
        for manifest in manifests(root / vendor):
            if manifest["partition"]["start"] == f"{day:%Y-%m-%dT%H:%M:%SZ}":
                raw[(manifest["stream"], vendor)] += manifest["records"]
    with sqlite_catalog(root, "iceberg_default") as catalog:
        names = catalog.list_tables("support")
        rows = {name[1]: catalog.load_table(name).scan().to_arrow() for name in names}
        snapshots = sum(len(catalog.load_table(name).snapshots()) for name in names)
    found = Counter((name, vendor) for name, table in rows.items() for vendor in table["vendor"].to_pylist())
    assert {key: count for key, count in found.items() if key in raw} == raw
    assert found[("messages", "applied_labs")] > 0

    maintenance = dag_of(example("tables_in_iceberg"), "maintenance")
    maintenance.get_task("expire_snapshots").op_kwargs["days"] = 0
    run = maintenance.test(logical_date=MIDNIGHT)

    expired = run.get_task_instance("expire_snapshots").xcom_pull(task_ids="expire_snapshots")
    assert (run.state, expired) == (DagRunState.SUCCESS, snapshots - len(rows))
    with sqlite_catalog(root, "iceberg_default") as catalog:
        again = {name[1]: catalog.load_table(name).scan().to_arrow() for name in names}
    assert {name: table.num_rows for name, table in again.items()} == {
        name: table.num_rows for name, table in rows.items()
    }


@pytest.mark.slow
@by_stem(DAILY)
@runs
def test_an_audit_of_the_week_before_finds_no_gap_in_what_the_daily_dag_has_exported(file, root):
    vendor, day = vendor_of(file), MIDNIGHT - 3 * DAY
    dag_of(file).test(logical_date=None, run_conf=interval_conf(day - 7 * DAY, day))

    run = dag_of(example("weekly_audit"), vendor).test(
        logical_date=None, run_conf=interval_conf(day, day + DAY)
    )

    audits = [json.loads(path.read_text()) for path in (root / vendor).rglob("_audit.json")]
    assert run.state == DagRunState.SUCCESS
    assert len(audits) == 2 * len(EXPORTS[vendor])
    assert [audit["checks"] for audit in audits if not audit["ok"]] == []
    assert {audit["dag_id"] for audit in audits} == {f"weekly_audit_{vendor}"}


@runs
def test_the_tables_of_a_partition_key_are_made_of_its_day(root):
    conf = interval_conf(MIDNIGHT - 3 * DAY, MIDNIGHT - 2 * DAY)

    exported = dag_of(example("ada_partitioned")).test(logical_date=None, run_conf=conf)
    made = dag_of(example("ada_partitioned_tables")).test(logical_date=None, run_conf=conf)

    assert {exported.state, made.state} == {DagRunState.SUCCESS}
    (raw,) = manifests(root / "ada_partitioned" / "conversations")
    (table,) = manifests(root / "ada_partitioned" / "tables")
    assert (table["source"]["commit"], table["records"]) == (raw["commit"], raw["records"])


@pytest.mark.slow
@runs
def test_a_year_is_made_again_from_what_is_published_without_a_request_to_a_vendor(root, monkeypatch):
    day = MIDNIGHT - 3 * DAY
    for file in TABLES:
        dag_of(file).test(logical_date=day + DAY)
    before = {vendor: rows_and_sources(tables_of_day(root, vendor, day)) for vendor in EXPORTS}
    shutil.rmtree(root / "tables")
    for name in ("ADA", "AGENTX", "APPLIED_LABS"):
        monkeypatch.delenv(f"AIRFLOW_CONN_{name}_DEFAULT")
    rebuild = dag_of(example("tables_rebuild"))

    run = rebuild.test(logical_date=None, run_conf={"year": day.year})

    assert run.state == DagRunState.SUCCESS
    assert Counter(states_of_all(run)) == {"success": 3, "skipped": 33}
    assert {vendor: rows_and_sources(tables_of_day(root, vendor, day)) for vendor in EXPORTS} == before
    other_year = rebuild.test(logical_date=None, run_conf={"year": day.year - 2})
    assert set(states_of_all(other_year)) == {"skipped"}


def states_of_all(run):
    return [each.state for each in run.get_task_instances()]


def rows_and_sources(tables):
    assert tables
    return {key: (manifest["records"], manifest["source"]) for key, manifest in tables.items()}


def counted(records, field):
    return dict(Counter(str(json.loads(record).get(field)) for record in records))


def test_hooks_in_tasks_use_the_pools_and_connections_that_the_dag_names():
    dag = dag_of(example("hook_in_a_task"))

    assert {task.pool for task in dag.tasks} == {f"convexport_{vendor}" for vendor in EXPORTS}
    assert all(f"{vendor}_default" in dag.doc_md for vendor in EXPORTS)
    assert all(task.pool in dag.doc_md and task.retries == 5 for task in dag.tasks)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda file: file.stem)
def test_a_guide_says_that_tasks_never_start_without_their_pool(guide):
    """Airflow itself says nothing: the task stays scheduled, and its log stays empty."""
    text = guide.read_text()
    linked = [file for file in PARSED if f"dags_examples/{file.name}" in text]
    tasks = [task for file in linked for dag in dags_of(file) for task in dag.tasks]
    named = {settings_of(task).get("pool") for task in tasks} - {None, "default_pool"}

    assert not named or "(README.md#pools)" in text


def test_the_guides_have_the_command_that_creates_each_vendors_pool():
    text = (DOCS / "how-to" / "README.md").read_text()
    commands = [
        f'airflow pools set convexport_{vendor} {hook.pool_slots} "Exports from {hook.title}"'
        for vendor, hook in ((vendor, hook_of(vendor)) for vendor in all_vendors())
    ]

    assert [command for command in commands if command not in text] == []


@runs
def test_hooks_in_tasks_read_exactly_the_day_of_the_run(root, simulator):
    start = MIDNIGHT - 3 * DAY

    run = dag_of(example("hook_in_a_task")).test(logical_date=start + DAY)

    assert run.state == DagRunState.SUCCESS
    returned = {each.task_id: each.xcom_pull(task_ids=each.task_id) for each in run.get_task_instances()}
    bot, shop = SETTINGS.agentx_bots[0], SETTINGS.applied_labs_shops[0]
    ada, agentx, labs = (
        simulator.truth(vendor, "conversations", start, start + DAY, scope=scope)
        for vendor, scope in (("ada", None), ("agentx", bot), ("applied_labs", shop))
    )
    escalated = [each for each in map(json.loads, labs) if each.get("resolution") == "escalated"]
    assert returned["count_languages"] == counted(ada, "language") != {}
    assert returned["count_locales"] == counted(agentx, "locale") != {}
    lines = Path(urlsplit(returned["list_escalations"]).path).read_text().splitlines()
    assert Path(urlsplit(returned["list_escalations"]).path).is_relative_to(root)
    assert sorted(lines[1:]) == sorted(f"{each['id']},{each['created_at']}" for each in escalated) != []


@runs
def test_hooks_in_tasks_fail_without_retry_where_a_retry_cannot_help(root, monkeypatch):
    for name in ("ADA", "AGENTX", "APPLIED_LABS"):
        monkeypatch.delenv(f"AIRFLOW_CONN_{name}_DEFAULT")

    run = dag_of(example("hook_in_a_task")).test(logical_date=MIDNIGHT - 2 * DAY)

    assert run.state == DagRunState.FAILED
    assert {(each.state, each.try_number) for each in run.get_task_instances()} == {("failed", 1)}
