from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest

from airflow_provider_convexport.export.dataset.store import Store
from airflow_provider_convexport.operators.ada import AdaExportOperator
from airflow_provider_convexport.operators.tables import ConversationTablesOperator
from airflow_provider_convexport.operators.trace import Name, dataset_name, dataset_url, endpoint_name
from airflow_provider_convexport.tables.iceberg_urls import without_credentials
from tests.support.published import manifests
from tests.support.samples import APRIL_1, DAY
from tests.support.streams import MIDNIGHT, case_of
from tests.support.tables import INTERVAL, ada_message, disk, put_raw
from tests.support.tiny_server import Answer, as_json

AZURE = SimpleNamespace(account_name="acme")


@pytest.fixture
def ada(connect, server):
    """Ada with one record on each of two days."""
    connect("ada", server.url)
    records = [{"_id": day, "date_created": f"2026-04-0{day}T12:00:00"} for day in "12"]
    server.fallback = lambda asked: as_json({"data": records, "meta": {"next_page_uri": None}})
    return server


def export(folder, context=INTERVAL, **arguments):
    """Return an operator that has run, or failed."""
    operator = AdaExportOperator(task_id="export", destination=str(folder), **arguments)
    operator.execute(dict(context))
    return operator


@pytest.mark.parametrize(
    ("url", "fs", "name"),
    [
        ("s3://lake@bucket/raw/ada", None, Name("s3://bucket", "raw/ada")),
        ("s3a://bucket/raw/ada/", None, Name("s3://bucket", "raw/ada")),
        ("gs://lake@bucket/raw/ada", None, Name("gs://bucket", "raw/ada")),
        ("gcs://bucket/raw", None, Name("gs://bucket", "raw")),
        ("abfs://lake@box/raw/ada", AZURE, Name("abfss://box@acme.dfs.core.windows.net", "raw/ada")),
        ("abfs://lake@box/raw/ada", None, Name("abfs://box", "raw/ada")),
        ("file:///data/raw/ada", None, Name("file", "/data/raw/ada")),
    ],
)
def test_a_dataset_is_named_as_openlineage_names_its_store(url, fs, name):
    assert dataset_name(dataset_url(Store(fs, "root", url))) == name


@pytest.mark.parametrize(
    ("location", "name"),
    [
        ("abfss://box@acme.dfs.core.windows.net/w/t", Name("abfss://box@acme.dfs.core.windows.net", "w/t")),
        ("/data/warehouse/t/", Name("file", "/data/warehouse/t")),
        ("s3://bucket/w/support/t", Name("s3://bucket", "w/support/t")),
    ],
)
def test_a_table_is_named_by_its_location(location, name):
    assert dataset_name(location) == name


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://acme.ada.support", Name("https://acme.ada.support", "/v2/export")),
        ("https://proxy.example:8443/ada/", Name("https://proxy.example:8443", "/ada/v2/export")),
        ("https://user:secret@acme.ada.support?x=secret", Name("https://acme.ada.support", "/v2/export")),
    ],
)
def test_an_endpoint_is_named_by_scheme_host_and_path_without_credentials(address, name):
    assert endpoint_name(address, "/v2/export") == name


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "postgresql+psycopg2://me:secret@db:5432/lake?password=secret",
            "postgresql+psycopg2://db:5432/lake",
        ),
        ("sqlite:////tmp/catalog.db", "sqlite:////tmp/catalog.db"),
        ("https://token@catalog.example/v1", "https://catalog.example/v1"),
        ("abfss://box@acme.dfs.core.windows.net/w", "abfss://box@acme.dfs.core.windows.net/w"),
        ("abfss://me:secret@acme.dfs.core.windows.net/w", "abfss://acme.dfs.core.windows.net/w"),
        ("/data/warehouse?token=secret", "/data/warehouse"),
        ("", ""),
    ],
)
def test_no_credentials_of_a_catalogs_address_are_shown(url, shown):
    assert without_credentials(url) == shown


def test_an_operator_that_has_not_run_has_no_trace():
    assert AdaExportOperator(task_id="export", destination="d").trace is None


def test_an_export_traces_its_partitions_counts_and_commit(ada, tmp_path):
    (written,) = export(tmp_path / "set").trace.writes

    there = manifests(tmp_path / "set").values()
    assert [(each.key, each.values) for each in written.parts] == [
        (day, {"dt": day}) for day in ("2026-04-01", "2026-04-02")
    ]
    assert (written.records, written.files, written.is_overwrite) == (2, 2, False)
    assert written.bytes == sum(file["bytes"] for each in there for file in each["files"])
    assert {written.version} == {each["commit"] for each in there}


def test_an_export_of_hours_of_a_bot_names_both_in_its_partitions(simulator, tmp_path):
    case = case_of("agentx", "messages")
    operator = case.operator(
        task_id="export",
        destination=str(tmp_path / "set"),
        stream=case.stream,
        partition_by="hour",
        interval_start=MIDNIGHT - 3 * DAY,
        interval_end=MIDNIGHT - 3 * DAY + timedelta(hours=1),
    )
    operator.execute({})

    (part,) = operator.trace.writes[0].parts
    day = f"{MIDNIGHT - 3 * DAY:%Y-%m-%d}"
    assert part.key == f"{day}T00:00:00"
    assert part.values == {"bot_name": operator.hook.scope()["bot_name"], "dt": day, "hour": "00"}


@pytest.mark.parametrize("run_id", ["another", INTERVAL["run_id"]])
def test_a_version_that_is_replaced_is_an_overwrite_also_when_the_same_run_was_cleared(ada, tmp_path, run_id):
    export(tmp_path / "set")

    (written,) = export(tmp_path / "set", {**INTERVAL, "run_id": run_id}).trace.writes

    assert written.is_overwrite


def test_an_unchanged_export_has_written_nothing(ada, tmp_path):
    export(tmp_path / "set")

    trace = export(tmp_path / "set", {**INTERVAL, "run_id": "another"}, skip_unchanged=True).trace

    assert (len(trace.reads), trace.writes) == (1, ())


def test_an_export_that_fails_has_written_nothing_and_knows_what_it_read_and_its_days(ada, tmp_path):
    ada.fallback = lambda asked: Answer(401, b"{}")
    operator = AdaExportOperator(task_id="export", destination=str(tmp_path / "set"))

    with pytest.raises(Exception, match="401"):
        operator.execute(dict(INTERVAL))

    trace = operator.trace
    assert (trace.reads[0].name.namespace, trace.writes) == (ada.url, ())
    assert (trace.dataset, trace.days) == (f"file://{tmp_path}/set", ("2026-04-01", "2026-04-02"))


def test_a_try_that_fails_before_it_knows_anything_does_not_keep_the_trace_of_the_one_before(ada, tmp_path):
    operator = export(tmp_path / "set")
    operator.partition_by = "century"

    with pytest.raises(Exception, match="century"):
        operator.execute(dict(INTERVAL))

    assert operator.trace is None


def test_the_days_of_another_time_zone_are_its_own(ada, tmp_path):
    start = INTERVAL["data_interval_start"].in_timezone("Europe/Berlin").start_of("day")
    context = {"data_interval_start": start, "data_interval_end": start.add(days=1), "run_id": "r"}

    trace = export(tmp_path / "set", context, partition_timezone="Europe/Berlin").trace

    assert trace.days == ("2026-04-01", "2026-04-01")


@pytest.fixture
def raw(tmp_path):
    store = disk(tmp_path / "raw")
    for day in range(2):
        put_raw(store, [ada_message(10 * day)], day=APRIL_1 + day * DAY)
    return tmp_path / "raw"


def make_tables(raw, lake, **context):
    operator = ConversationTablesOperator(task_id="tables", sources=str(raw), destination=str(lake))
    operator.execute({**INTERVAL, **context})
    return operator.trace


def test_tables_trace_what_was_read_and_only_what_has_changed_as_an_overwrite(raw, tmp_path):
    (first,) = make_tables(raw, tmp_path / "lake").writes
    put_raw(disk(raw), [ada_message(7), ada_message(8)], day=APRIL_1 + DAY, requested_at=60)

    trace = make_tables(raw, tmp_path / "lake", run_id="another")

    (read,), (written,) = trace.reads, trace.writes
    assert read.name == Name("file", str(raw))
    assert [each.key for each in read.parts] == ["2026-04-01", "2026-04-02"]
    assert (first.is_overwrite, written.is_overwrite) == (False, True)
    assert [each.values for each in written.parts] == [
        {"vendor": "ada", "scope": "{}", "window_on": "created", "partition_date": "2026-04-02"}
    ]
    assert written.name == first.name == Name("file", f"{tmp_path}/lake/messages")
    assert (first.records, written.records, trace.days) == (2, 2, ("2026-04-01", "2026-04-02"))
    assert written.version in {each["commit"] for each in manifests(tmp_path / "lake").values()}


def test_a_retry_of_tables_that_are_made_traces_them_and_no_overwrite(raw, tmp_path):
    first = make_tables(raw, tmp_path / "lake")

    assert make_tables(raw, tmp_path / "lake") == first


def test_the_partitions_of_hourly_raw_data_are_told_apart(tmp_path):
    store = disk(tmp_path / "raw")
    manifest = put_raw(store, [ada_message(1)])
    for hour in range(2):
        folder = tmp_path / "raw" / "dt=2026-04-01" / f"hour=0{hour}"
        folder.mkdir()
        window = {"start": f"2026-04-01T0{hour}:00:00Z", "end": f"2026-04-01T0{hour + 1}:00:00Z"}
        (folder / "_manifest.json").write_bytes(_with_span(manifest, window))
    (tmp_path / "raw" / "dt=2026-04-01" / "_manifest.json").unlink()
    start = INTERVAL["data_interval_start"]

    trace = make_tables(tmp_path / "raw", tmp_path / "lake", data_interval_end=start.add(hours=2))

    assert [each.key for each in trace.reads[0].parts] == ["2026-04-01T00:00:00", "2026-04-01T01:00:00"]
    assert trace.days == ("2026-04-01", "2026-04-01")


def _with_span(manifest, window):
    return json.dumps(
        {**json.loads(manifest.encode()), "partition": window, "files": [], "records": 0}
    ).encode()
