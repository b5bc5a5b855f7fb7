from __future__ import annotations

import json

import pytest

from airflow_provider_convexport.compat import AirflowFailException
from airflow_provider_convexport.operators.tables import ConversationTablesOperator
from tests.support.iceberg import sqlite_catalog
from tests.support.samples import APRIL_1, DAY
from tests.support.tables import INTERVAL, ada_message, disk, put_raw


@pytest.fixture
def raw(tmp_path):
    store = disk(tmp_path / "raw")
    for day in range(2):
        put_raw(store, [ada_message(10 * day), ada_message(10 * day + 1)], day=APRIL_1 + day * DAY)
    return tmp_path / "raw"


@pytest.fixture
def catalog(tmp_path, monkeypatch):
    """The catalog of the connection ``lake``."""
    extra = {
        "type": "sql",
        "uri": f"sqlite:///{tmp_path}/catalog.db",
        "warehouse": f"file://{tmp_path}/warehouse",
    }
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps({"conn_type": "iceberg", "extra": extra}))
    with sqlite_catalog(tmp_path, "lake") as each:
        yield each


def execute(raw, context=INTERVAL, **arguments):
    defaults = {"sources": str(raw), "namespace": "support", "iceberg_conn_id": "lake"}
    operator = ConversationTablesOperator(task_id="tables", **defaults | arguments)
    return operator.execute(dict(context))


def rows_in(catalog):
    rows = catalog.load_table(("support", "messages")).scan().to_arrow().to_pylist()
    return sorted(row["message_id"] for row in rows)


def test_the_tables_of_the_interval_go_to_the_catalog_of_the_connection(raw, catalog):
    facts = execute(raw)

    assert facts["tables"] == {"messages": {"rows": 4, "partitions": 2, "unchanged": 0}}
    assert rows_in(catalog) == ["m0", "m1", "m10", "m11"]
    (table,) = {catalog.load_table(("support", "messages")).metadata_location}
    assert facts["manifests"] == [table]


def test_a_second_run_changes_nothing_and_a_new_raw_version_its_own_day_alone(raw, catalog):
    execute(raw)
    before = catalog.load_table(("support", "messages"))

    another = execute(raw, {**INTERVAL, "run_id": "another"})
    assert another["tables"] == {"messages": {"rows": 0, "partitions": 0, "unchanged": 2}}
    assert catalog.load_table(("support", "messages")).metadata_location == before.metadata_location

    put_raw(disk(raw), [ada_message(0)], requested_at=3600.0)
    changed = execute(raw, {**INTERVAL, "run_id": "third"})

    assert changed["tables"] == {"messages": {"rows": 1, "partitions": 1, "unchanged": 1}}
    assert rows_in(catalog) == ["m0", "m10", "m11"]


def test_a_day_whose_window_on_is_proven_to_be_another_leaves_no_row_under_the_former_one(catalog, tmp_path):
    def export(window_on, evidence, asked):
        facts = {"vendor": "agentx", "stream": "conversations", "account": "", "window_on": window_on}
        put_raw(disk(tmp_path / "raw"), [b"{}"], window_evidence=evidence, requested_at=asked, **facts)

    one_day = {**INTERVAL, "data_interval_end": INTERVAL["data_interval_start"].add(days=1)}
    export("startTime", "assumed", 0.0)
    execute(tmp_path / "raw", one_day)
    export("lastActionAt", "probe", 60.0)

    execute(tmp_path / "raw", {**one_day, "run_id": "another"})
    again = execute(tmp_path / "raw", {**one_day, "run_id": "third"})

    rows = catalog.load_table(("support", "conversations")).scan().to_arrow()
    assert rows["window_on"].to_pylist() == ["lastActionAt"]
    assert again["tables"]["conversations"] == {"rows": 0, "partitions": 0, "unchanged": 1}


def test_a_partition_that_is_in_two_sources_is_in_the_table_once(catalog, tmp_path):
    store = disk(tmp_path / "raw" / "inner")
    for day in range(2):
        put_raw(store, [ada_message(day)], day=APRIL_1 + day * DAY)

    facts = execute("unused", sources=[str(tmp_path / "raw"), str(tmp_path / "raw" / "inner")])

    assert facts["tables"]["messages"] == {"rows": 2, "partitions": 2, "unchanged": 0}
    assert rows_in(catalog) == ["m0", "m1"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"namespace": None}, "either destination=.*or namespace="),
        ({"destination": "/tables"}, "either destination=.*or namespace="),
        ({"namespace": " "}, "not the name of a namespace"),
        ({"iceberg_conn_id": "nowhere"}, "'nowhere' that iceberg_conn_id names does not exist"),
    ],
)
def test_a_wrong_argument_is_refused_with_one_sentence(raw, catalog, arguments, sentence):
    with pytest.raises(AirflowFailException, match=sentence):
        execute(raw, **arguments)


@pytest.mark.parametrize("extra", [{"type": "nonsense"}, {"type": "sql"}, {"type": "sql", "uri": "nonsense"}])
def test_a_connection_that_is_no_catalog_is_a_sentence(raw, monkeypatch, extra):
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps({"conn_type": "iceberg", "extra": extra}))

    with pytest.raises(AirflowFailException, match="'lake' is not one of a catalog that pyiceberg can load"):
        execute(raw)
