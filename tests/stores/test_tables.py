"""Tables are made on every store, from raw partitions on the same store; in Iceberg on an S3 server."""

from __future__ import annotations

import io
import json

import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from airflow_provider_convexport.operators.tables import ConversationTablesOperator
from tests.stores.buckets import BUCKET, S3
from tests.stores.servers import S3_KEYS
from tests.support.exports import export
from tests.support.published import truth
from tests.support.samples import DAY
from tests.support.streams import MIDNIGHT, case_of

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

START = MIDNIGHT - 20 * DAY
END = START + 3 * DAY
CASE = case_of("agentx", "messages")
TABLE = "tables/messages/agentx-time"


def make(sources, run_id="first", **arguments):
    operator = ConversationTablesOperator(task_id="tables", sources=sources, **arguments)
    return operator.execute({"data_interval_start": START, "data_interval_end": END, "run_id": run_id})


def expected_texts(simulator):
    return sorted(line.decode() for lines in truth(simulator, CASE, START, END).values() for line in lines)


def manifests_of(bucket, root):
    """The manifests of the table's partitions, by folder."""
    names = [name for name in bucket.sizes(root) if name.startswith("tables/") and "_manifest" in name]
    return {name.rpartition("/")[0]: json.loads(bucket.read(root, name)) for name in names}


def rows_in(bucket, root):
    """All rows of the files that the manifests name."""
    files = [
        f"{folder}/{entry['name']}"
        for folder, manifest in manifests_of(bucket, root).items()
        for entry in manifest["files"]
    ]
    return [row for name in files for row in pq.read_table(io.BytesIO(bucket.read(root, name))).to_pylist()]


def test_tables_on_every_store_hold_the_published_records_and_replace_what_was_exported_again(
    simulator, bucket, root
):
    raw, lake = bucket.url(f"{root}/raw"), bucket.url(f"{root}/tables")
    export(CASE, raw, START, END)
    facts = make(raw, destination=lake)
    first = manifests_of(bucket, root)

    assert facts["tables"]["messages"]["partitions"] == 3
    assert sorted(row["raw"] for row in rows_in(bucket, root)) == expected_texts(simulator)
    again = make(raw, "second", destination=lake)
    assert again["tables"]["messages"] == {"rows": 0, "partitions": 0, "unchanged": 3}

    export(CASE, raw, START, START + DAY, run_id="another")
    changed = make(raw, "third", destination=lake)

    second = manifests_of(bucket, root)
    assert changed["tables"]["messages"]["partitions"] == 1
    replaced = [
        folder for folder, manifest in second.items() if manifest["commit"] != first[folder]["commit"]
    ]
    assert [folder.rpartition("/")[2] for folder in replaced] == [f"dt={START:%Y-%m-%d}"]
    assert sorted(row["raw"] for row in rows_in(bucket, root)) == expected_texts(simulator)
    named = {f"{folder}/{entry['name']}" for folder, each in second.items() for entry in each["files"]}
    there = {name for name in bucket.sizes(root) if name.endswith(".parquet")}
    assert there == named


def test_tables_in_iceberg_have_their_files_on_an_s3_server(simulator, bucket, root, tmp_path, monkeypatch):
    if not isinstance(bucket, S3):
        pytest.skip("Iceberg is tried with S3 and with a disk.")
    raw = bucket.url(f"{root}/raw")
    export(CASE, raw, START, END)
    extra = {
        "type": "sql",
        "uri": f"sqlite:///{tmp_path}/catalog.db",
        "warehouse": f"s3://{BUCKET}/{root}/warehouse",
        "s3.endpoint": bucket.endpoint,
        "s3.access-key-id": S3_KEYS[0],
        "s3.secret-access-key": S3_KEYS[1],
        "s3.region": "us-east-1",
        "py-io-impl": "pyiceberg.io.fsspec.FsspecFileIO",
    }
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps({"conn_type": "iceberg", "extra": extra}))

    make(raw, namespace="support", iceberg_conn_id="lake")
    export(CASE, raw, START, START + DAY, run_id="another")
    make(raw, "second", namespace="support", iceberg_conn_id="lake")

    catalog = SqlCatalog("lake", **extra)
    table = catalog.load_table(("support", "messages"))
    assert sorted(table.scan().to_arrow()["raw"].to_pylist()) == expected_texts(simulator)
    assert len(table.snapshots()) >= 2
    catalog.close()
    assert any(name.endswith(".parquet") for name in bucket.sizes(f"{root}/warehouse"))
