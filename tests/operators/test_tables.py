from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.sdk import Asset, ObjectStoragePath
from airflow.sdk.execution_time import task_runner

from airflow_provider_convexport.compat import AirflowFailException, AirflowSkipException
from airflow_provider_convexport.errors import IncompleteExportError
from airflow_provider_convexport.operators.tables import ConversationTablesOperator
from tests.support.outlet_events import ByAsset
from tests.support.published import manifests
from tests.support.samples import APRIL_1, DAY
from tests.support.tables import FIRST, INTERVAL, ada_message, disk, put_raw, rows_of
from tests.support.triggering_events import Supervisor, handed_event, stored_event

ASSET = Asset(name="tables", uri="s3://b/tables")
AT = "messages/ada-created/dt=2026-04-0"


class Event:
    """One asset event that a task is about to send."""

    def __init__(self) -> None:
        self.extra: dict = {}
        self.keys: list[str] = []

    def add_partitions(self, keys) -> None:
        self.keys += keys


@pytest.fixture
def raw(tmp_path) -> Path:
    """A raw dataset of two days."""
    store = disk(tmp_path / "raw")
    for day in range(2):
        put_raw(store, [ada_message(10 * day)], day=APRIL_1 + day * DAY)
    return tmp_path / "raw"


@pytest.fixture
def lake(tmp_path) -> Path:
    return tmp_path / "lake"


def operator(**arguments) -> ConversationTablesOperator:
    return ConversationTablesOperator(task_id="tables", **arguments)


def execute(raw, lake, context=INTERVAL, **arguments):
    return operator(sources=str(raw), destination=str(lake), **arguments).execute(dict(context))


def triggered_by(*extras) -> dict:
    """Return the context of a run that asset events started."""
    events = ByAsset((ASSET, [SimpleNamespace(extra=extra) for extra in extras]))
    return {"run_id": "asset_triggered__1", "triggering_asset_events": events}


def test_execute_makes_the_tables_of_the_interval_and_returns_the_facts(raw, lake):
    facts = execute(raw, lake)

    assert facts == {
        "vendor": "ada",
        "interval": ["2026-04-01T00:00:00Z", "2026-04-03T00:00:00Z"],
        "tables": {"messages": {"rows": 2, "partitions": 2, "unchanged": 0}},
        "manifests": [f"file://{lake}/{AT}{day}/_manifest.json" for day in (1, 2)],
    }
    assert json.loads(json.dumps(facts)) == facts
    assert [row["message_id"] for row in rows_of(lake)] == ["m0", "m10"]


def test_a_retry_counts_what_an_earlier_try_wrote_and_another_run_does_not(raw, lake):
    first = execute(raw, lake)

    assert execute(raw, lake) == first
    another = execute(raw, lake, {**INTERVAL, "run_id": "scheduled__2"})

    assert another["tables"] == {"messages": {"rows": 0, "partitions": 0, "unchanged": 2}}
    assert another["manifests"] == []


def test_the_facts_go_to_every_outlets_event_with_the_keys_of_the_partitions(raw, lake):
    event = Event()

    facts = execute(
        raw,
        lake,
        {**INTERVAL, "outlet_events": ByAsset((ASSET, event))},
        outlets=[ASSET],
        add_partitions=True,
    )

    assert (event.extra, event.keys) == (facts, ["2026-04-01", "2026-04-02"])


def test_only_changed_partitions_are_in_the_event(raw, lake):
    execute(raw, lake)
    put_raw(disk(raw), [ada_message(7)], day=APRIL_1 + DAY, requested_at=60)
    event = Event()
    context = {**INTERVAL, "run_id": "scheduled__2", "outlet_events": ByAsset((ASSET, event))}

    execute(raw, lake, context, outlets=[ASSET], add_partitions=True)

    assert event.keys == ["2026-04-02"]
    assert event.extra["tables"] == {"messages": {"rows": 1, "partitions": 1, "unchanged": 1}}


def test_a_run_that_changes_nothing_ends_as_skipped_if_it_has_outlets(raw, lake):
    execute(raw, lake)
    context = {**INTERVAL, "run_id": "scheduled__2", "outlet_events": ByAsset((ASSET, Event()))}

    with pytest.raises(AirflowSkipException, match="No partition of 2026-04-01T00:00:00Z"):
        execute(raw, lake, context, outlets=[ASSET])


def test_a_run_that_asset_events_started_makes_the_partitions_of_their_manifests(raw, lake):
    event = {"manifests": [f"file://{raw}/dt=2026-04-02/_manifest.json"], "records": 1}

    facts = execute(raw, lake, triggered_by(event, {"other": 1}, event))

    assert list(manifests(lake)) == [f"{AT}2"]
    assert facts["interval"] == ["2026-04-02T00:00:00Z", "2026-04-03T00:00:00Z"]


def manifest_of(raw, day):
    return f"file://{raw}/dt=2026-04-0{day}/_manifest.json"


def test_later_events_of_the_same_asset_count_because_airflow_starts_no_run_for_them(raw, lake, monkeypatch):
    put_raw(disk(raw), [ada_message(20)], day=APRIL_1 + 2 * DAY)
    started_by = handed_event(ASSET, FIRST.add(days=1), [manifest_of(raw, 2)])
    supervisor = Supervisor(
        *(stored_event(day, ASSET, FIRST.add(days=day - 1), [manifest_of(raw, day)]) for day in (1, 2, 3))
    )
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    context = {"run_id": "asset_triggered__1", "triggering_asset_events": ByAsset((ASSET, [started_by]))}

    execute(raw, lake, context)

    assert list(manifests(lake)) == [f"{AT}2", f"{AT}3"]
    assert [(each.name, each.uri) for each in supervisor.asked] == [(ASSET.name, ASSET.uri)]


def test_manifests_of_other_datasets_are_left_out(raw, lake, tmp_path):
    other = [f"file://{tmp_path}/raw2/dt=2026-04-02/_manifest.json", "s3://b/x", 7]
    event = {"manifests": [*other, f"file://{raw}/dt=2026-04-01/_manifest.json"]}

    execute(raw, lake, triggered_by(event))

    assert list(manifests(lake)) == [f"{AT}1"]


def test_events_without_manifests_leave_the_interval_to_the_run(raw, lake):
    with pytest.raises(AirflowFailException, match="This run has no data interval"):
        execute(raw, lake, triggered_by({"records": 1}))


def test_events_whose_partitions_are_all_gone_say_so(raw, lake):
    context = triggered_by({"manifests": [f"file://{raw}/dt=2026-04-09/_manifest.json"]})

    with pytest.raises(IncompleteExportError, match=f"missing: file://{raw}/dt=2026-04-09 is no longer publ"):
        execute(raw, lake, context)
    with pytest.raises(AirflowSkipException, match="No partition that the asset events name is published"):
        execute(raw, lake, context, on_missing="skip")


@pytest.mark.parametrize(
    ("context", "arguments"),
    [
        ({"partition_key": "2026-04-02"}, {"period": timedelta(days=1)}),
        (
            {"dag_run": SimpleNamespace(conf={"interval": ["2026-04-02T00:00:00Z", "2026-04-03T00:00:00Z"]})},
            {},
        ),
        ({}, {"interval_start": "2026-04-02T00:00:00Z", "interval_end": "2026-04-03T00:00:00Z"}),
    ],
)
def test_an_interval_that_is_named_counts_more_than_the_events(raw, lake, context, arguments):
    event = {"manifests": [f"file://{raw}/dt=2026-04-01/_manifest.json"]}

    execute(raw, lake, triggered_by(event) | context, **arguments)

    assert list(manifests(lake)) == [f"{AT}2"]


def test_a_missing_raw_partition_fails_the_try_before_anything_is_written(raw, lake):
    context = {**INTERVAL, "data_interval_end": FIRST.add(days=3)}

    with pytest.raises(IncompleteExportError) as error:
        execute(raw, lake, context)

    assert str(error.value) == (
        f"Raw partitions are missing: file://{raw} lacks 2026-04-03T00:00:00Z..2026-04-04T00:00:00Z. Export "
        "them first, or pass on_missing='skip' to make tables of those that exist."
    )
    assert not lake.exists()


def test_missing_raw_partitions_may_be_skipped(raw, lake):
    facts = execute(raw, lake, {**INTERVAL, "data_interval_end": FIRST.add(days=3)}, on_missing="skip")

    assert facts["tables"]["messages"]["partitions"] == 2


def test_a_source_without_any_partition_of_the_interval_is_missing(raw, lake, tmp_path):
    disk(tmp_path / "empty")

    with pytest.raises(IncompleteExportError, match=f"{tmp_path}/empty has no partition of 2026"):
        operator(sources=[str(raw), f"{tmp_path}/empty"], destination=str(lake)).execute(dict(INTERVAL))


def test_a_shop_or_bot_that_lacks_a_day_is_named(lake, tmp_path):
    store = disk(tmp_path / "raw")
    for bot, number in (("a", 2), ("b", 1)):
        for day in range(number):
            folder = disk(tmp_path / "raw" / f"bot_name={bot}")
            put_raw(
                folder,
                [ada_message(day)],
                day=APRIL_1 + day * DAY,
                vendor="agentx",
                scope={"bot_name": bot},
                account="",
            )

    with pytest.raises(IncompleteExportError, match=r"lacks 2026-04-02T00:00:00Z\S+ \(bot_name=b\)"):
        execute(store.root, lake)


def test_what_the_vendor_no_longer_kept_is_not_missing(lake, tmp_path):
    store = disk(tmp_path / "raw")
    expired = {"start": "2026-04-01T00:00:00Z", "end": "2026-04-02T00:00:00Z"}
    put_raw(store, [ada_message(1)], day=APRIL_1 + DAY, expired=expired)

    assert execute(store.root, lake)["tables"]["messages"]["partitions"] == 1


REFUSED = [
    ({"sources": []}, "sources=[] names no raw dataset; write the destination of an export, or a list."),
    ({"sources": None}, "sources=None names no raw dataset; write the destination of an export, or a list."),
    (
        {"sources": [7]},
        "sources=[7] holds 7, which is neither text nor an ObjectStoragePath; write the "
        "destinations of exports.",
    ),
    (
        {"sources": "raw"},
        "destination='raw' is not an absolute path, so the place would depend on the process "
        "that runs the task; write a path that begins with '/', or a URL such as 's3://conn@bucket/folder'.",
    ),
    ({"on_missing": "ignore"}, "on_missing='ignore' is not one of ['fail', 'skip']."),
    ({"include_raw": "yes"}, "include_raw='yes' is neither True nor False; write one of these."),
    (
        {"target_file_bytes": 0},
        "target_file_bytes=0 is not a whole number of 1 or more; write "
        "target_file_bytes=134217728, which is the default, or another such number.",
    ),
    (
        {"target_file_bytes": True},
        "target_file_bytes=True is not a whole number of 1 or more; write "
        "target_file_bytes=134217728, which is the default, or another such number.",
    ),
    ({"add_partitions": 1}, "add_partitions=1 is neither True nor False; write one of these."),
    ({"add_partitions": True}, "add_partitions=True needs an asset; pass outlets=[Asset(...)]."),
    (
        {"sources": "/raw", "destination": "/raw/tables"},
        "destination='file:///raw/tables' lies in the source "
        "'file:///raw'; choose a folder outside of all sources.",
    ),
    (
        {"sources": "/d/messages", "destination": "/d"},
        "destination='file:///d' has its tables in 'file:///d/messages/', where the source "
        "'file:///d/messages' lies, too; choose another folder for the tables.",
    ),
    (
        {"sources": "/d/conversations/ada", "destination": "/d/"},
        "destination='file:///d' has its tables in 'file:///d/conversations/', where the source "
        "'file:///d/conversations/ada' lies, too; choose another folder for the tables.",
    ),
    (
        {"interval_start": "2026-04-01T00:00:00Z"},
        "Only interval_start is given; pass both interval_start and interval_end, or neither.",
    ),
]


@pytest.mark.parametrize(("arguments", "sentence"), REFUSED)
def test_a_wrong_argument_is_refused_with_one_sentence(arguments, sentence, tmp_path):
    arguments = {"sources": str(tmp_path / "nothing"), "destination": str(tmp_path / "lake")} | arguments

    with pytest.raises(AirflowFailException) as error:
        operator(**arguments).execute(dict(INTERVAL))

    assert str(error.value) == sentence


def test_sources_of_several_vendors_are_refused(raw, lake, tmp_path):
    put_raw(disk(tmp_path / "labs"), [b"{}"], vendor="applied_labs", stream="conversations", account="")
    sources = [str(raw), str(tmp_path / "labs")]

    with pytest.raises(
        AirflowFailException, match="exports of several vendors: ada, applied_labs; write one"
    ):
        operator(sources=sources, destination=str(lake), on_missing="skip").execute(dict(INTERVAL))

    assert not lake.exists()


def test_a_table_is_no_source(raw, lake, tmp_path):
    execute(raw, lake)

    with pytest.raises(AirflowFailException, match="is not a partition of exported records"):
        execute(lake, tmp_path / "other")


def test_without_pyarrow_the_extra_is_named_before_anything_is_read(raw, lake, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)

    with pytest.raises(AirflowFailException, match=r"airflow-provider-convexport\[parquet\]"):
        execute(raw / "not" / "there", lake)


def test_sources_may_be_one_path_and_the_same_one_twice_counts_once(raw, lake):
    sources = [ObjectStoragePath(f"file://{raw}"), str(raw), f"{raw}/"]

    facts = operator(sources=sources, destination=str(lake)).execute(dict(INTERVAL))

    assert facts["tables"]["messages"]["partitions"] == 2


def test_a_source_may_be_the_folder_of_a_bot_in_another_source(lake, tmp_path):
    for bot in ("a", "b"):
        folder = disk(tmp_path / "raw" / f"bot_name={bot}")
        put_raw(folder, [b"{}"], vendor="agentx", scope={"bot_name": bot}, account="", window_on="time")
    context = {**INTERVAL, "data_interval_end": FIRST.add(days=1)}
    sources = [str(tmp_path / "raw"), str(tmp_path / "raw" / "bot_name=a")]

    facts = operator(sources=sources, destination=str(lake)).execute(context)

    assert facts["tables"]["messages"] == {"rows": 2, "partitions": 2, "unchanged": 0}


def export_by(root, window_on, evidence, *texts, asked=0.0):
    """Publish a day of one bot's conversations, of which the vendor does not say what selects them."""
    records = [json.dumps({"_id": text, "startTime": APRIL_1.timestamp()}).encode() for text in texts]
    put_raw(
        disk(root / "bot_name=a"),
        records,
        requested_at=asked,
        vendor="agentx",
        stream="conversations",
        scope={"bot_name": "a"},
        account="",
        window_on=window_on,
        window_evidence=evidence,
    )


ONE_DAY = {**INTERVAL, "data_interval_end": FIRST.add(days=1)}


def test_a_raw_partition_whose_window_on_is_proven_to_be_another_leaves_no_row_under_the_former_one(
    lake, tmp_path
):
    export_by(tmp_path / "raw", "startTime", "assumed", "a", "b")
    execute(tmp_path / "raw", lake, ONE_DAY)
    export_by(tmp_path / "raw", "lastActionAt", "probe", "b", "c", asked=60)

    facts = execute(tmp_path / "raw", lake, ONE_DAY | {"run_id": "another"})
    rows = [(row["conversation_id"], row["window_on"]) for row in rows_of(lake)]

    assert rows == [("b", "lastActionAt"), ("c", "lastActionAt")]
    assert facts["tables"] == {"conversations": {"rows": 2, "partitions": 2, "unchanged": 0}}
    again = execute(tmp_path / "raw", lake, ONE_DAY | {"run_id": "third"})
    assert again["tables"] == {"conversations": {"rows": 0, "partitions": 0, "unchanged": 1}}


def test_a_run_that_was_killed_before_the_former_partition_was_empty_is_made_good_by_the_next(
    lake, tmp_path, monkeypatch
):
    export_by(tmp_path / "raw", "startTime", "assumed", "a")
    execute(tmp_path / "raw", lake, ONE_DAY)
    export_by(tmp_path / "raw", "lastActionAt", "assumed", "a", asked=60)
    with monkeypatch.context() as killed:
        killed.setattr("airflow_provider_convexport.tables.run._empty", lambda *_: None)
        execute(tmp_path / "raw", lake, ONE_DAY | {"run_id": "another"})
    assert len(rows_of(lake)) == 2

    execute(tmp_path / "raw", lake, ONE_DAY | {"run_id": "third"})

    assert [row["window_on"] for row in rows_of(lake)] == ["lastActionAt"]


def test_two_datasets_of_the_same_day_by_either_time_stay(lake, tmp_path):
    export_by(tmp_path / "raw", "startTime", "overlap", "a")
    export_by(tmp_path / "active", "lastActionAt", "overlap", "a", asked=60)
    sources = [str(tmp_path / "raw"), str(tmp_path / "active")]

    operator(sources=sources, destination=str(lake)).execute(ONE_DAY)
    for source in sources:
        operator(sources=source, destination=str(lake)).execute(ONE_DAY | {"run_id": source})

    assert sorted(row["window_on"] for row in rows_of(lake)) == ["lastActionAt", "startTime"]


def test_the_template_fields_are_arguments_and_are_rendered():
    task = operator(
        sources=["/raw/{{ run_id }}"],
        source_conn_id="{{ run_id }}",
        destination="/lake/{{ run_id }}",
        destination_conn_id="{{ run_id }}",
        namespace="{{ run_id }}",
        iceberg_conn_id="{{ run_id }}",
        interval_start="{{ run_id }}",
        interval_end="{{ run_id }}",
    )

    task.render_template_fields({"run_id": "r1"})

    assert {field: getattr(task, field) for field in task.template_fields} == {
        "sources": ["/raw/r1"],
        "source_conn_id": "r1",
        "destination": "/lake/r1",
        "destination_conn_id": "r1",
        "namespace": "r1",
        "iceberg_conn_id": "r1",
        "interval_start": "r1",
        "interval_end": "r1",
    }


def test_sigterm_ends_the_work_and_a_retry_does_the_rest(raw, lake, monkeypatch):
    task = operator(sources=str(raw), destination=str(lake))
    target = "airflow_provider_convexport.operators.tables.make_tables"
    with monkeypatch.context() as patch:
        patch.setattr(target, lambda *_, **__: task.on_kill())
        with pytest.raises(SystemExit, match="told to end by SIGTERM, so it stopped"):
            task.execute(dict(INTERVAL))

    assert task.execute(dict(INTERVAL))["tables"]["messages"]["partitions"] == 2
