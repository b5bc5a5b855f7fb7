from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.sdk import DAG

from airflow_provider_convexport.compat import serialized_dag
from airflow_provider_convexport.export.dataset.store import Store
from airflow_provider_convexport.get_provider_info import get_provider_info
from airflow_provider_convexport.operators.ada import AdaExportOperator
from airflow_provider_convexport.operators.links import ObjectStoreLink, PartitionsLink
from airflow_provider_convexport.operators.store_pages import page_of
from airflow_provider_convexport.operators.tables import ConversationTablesOperator
from airflow_provider_convexport.operators.trace import Trace

AMAZON = "https://console.aws.amazon.com/s3/buckets/bucket?prefix=raw%2Fa%20b%2F"
GOOGLE = "https://console.cloud.google.com/storage/browser/bucket/raw/a%20b"
AZURE = "https://portal.azure.com/#browse/Microsoft.Storage%2FStorageAccounts"
TRACE = Trace((), dataset="s3://bucket/raw/ä&b", days=("2026-04-01", "2026-04-30"), store_page=AMAZON)


def links_in(serialized):
    """Return the links of each task in a serialized Dag."""
    if isinstance(serialized, list):
        return [found for each in serialized for found in links_in(each)]
    if not isinstance(serialized, dict):
        return []
    own = [serialized["_operator_extra_links"]] if serialized.get("_operator_extra_links") else []
    return own + [found for each in serialized.values() for found in links_in(each)]


def fs(**attributes):
    return SimpleNamespace(**attributes)


def link_of(kind, trace):
    return kind().get_link(SimpleNamespace(trace=trace), ti_key=None)


@pytest.fixture
def base_url(monkeypatch):
    return lambda url: monkeypatch.setenv("AIRFLOW__API__BASE_URL", url)


@pytest.mark.parametrize(
    ("base", "path"),
    [
        ("https://airflow.example", "/convexport/dataset"),
        ("https://airflow.example/team/", "/team/convexport/dataset"),
        ("", "/convexport/dataset"),
        ("/", "/convexport/dataset"),
    ],
)
def test_partitions_are_on_the_page_of_their_dataset_below_the_path_of_airflow(base_url, base, path):
    base_url(base)

    link = link_of(PartitionsLink, TRACE)

    assert link == f"{path}?root=s3%3A%2F%2Fbucket%2Fraw%2F%C3%A4%26b&from=2026-04-01&to=2026-04-30"


@pytest.mark.parametrize("trace", [None, Trace(()), Trace((), dataset="file:///x")])
@pytest.mark.parametrize("kind", [PartitionsLink, ObjectStoreLink])
def test_a_try_that_knows_nothing_has_no_link(kind, trace):
    assert link_of(kind, trace) == ""


def test_a_link_of_something_else_than_an_operator_of_this_package_is_empty():
    assert PartitionsLink().get_link(object(), ti_key=None) == ""


def test_the_object_store_is_the_page_that_the_try_has_found():
    assert link_of(ObjectStoreLink, TRACE) == AMAZON


@pytest.mark.parametrize(
    ("url", "client", "page"),
    [
        ("s3://lake@bucket/raw/a b", fs(), AMAZON),
        ("s3://bucket/raw/a b", fs(client_kwargs={"region_name": "eu-west-1"}, endpoint_url=None), AMAZON),
        ("s3://bucket/raw/a b", fs(endpoint_url="https://s3.eu-west-1.amazonaws.com"), AMAZON),
        (
            "s3://bucket/raw/a b",
            fs(client_kwargs={"region_name": "cn-north-1"}),
            AMAZON.replace("console.aws.amazon.com", "console.amazonaws.cn"),
        ),
        ("s3://bucket/raw", fs(endpoint_url="http://127.0.0.1:9000"), ""),
        ("s3://bucket/raw", fs(client_kwargs={"endpoint_url": "https://minio.example"}), ""),
        ("s3://bucket/raw", fs(endpoint_url="https://amazonaws.com.example"), ""),
        ("gs://lake@bucket/raw/a b", fs(_endpoint=None), GOOGLE),
        ("gcs://bucket/raw/a b", fs(_endpoint="https://storage.googleapis.com"), GOOGLE),
        ("gs://bucket/raw", fs(_endpoint="http://127.0.0.1:9023"), ""),
        ("abfs://lake@box/raw", fs(account_name="acme", connection_string=None), AZURE),
        ("abfss://box/raw", fs(account_name="acme", account_host="acme.blob.core.windows.net"), AZURE),
        ("abfs://box/raw", fs(account_name="devstoreaccount1"), ""),
        ("abfs://box/raw", fs(connection_string="A=1;BlobEndpoint=http://127.0.0.1:10000/x;"), ""),
        ("abfs://box/raw", fs(account_host="blob.example"), ""),
        ("file:///data/raw", fs(), ""),
        ("hdfs://node/raw", fs(), ""),
    ],
)
def test_the_console_of_a_cloud_is_known_by_the_url_and_not_for_a_server_of_ones_own(url, client, page):
    assert page_of(Store(client, "root", url)) == page


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("AWS_ENDPOINT_URL_S3", "s3://bucket/raw"),
        ("AWS_ENDPOINT_URL", "s3://bucket/raw"),
        ("STORAGE_EMULATOR_HOST", "gs://bucket/raw"),
    ],
)
def test_a_server_of_ones_own_may_also_stand_in_the_environment(monkeypatch, variable, url):
    monkeypatch.setenv(variable, "http://127.0.0.1:9000")

    assert page_of(Store(fs(), "root", url)) == ""


@pytest.mark.parametrize("operator", [AdaExportOperator, ConversationTablesOperator])
def test_the_links_are_in_the_serialized_dag_and_in_the_providers_metadata(operator):
    with DAG("links", schedule=None) as dag:
        arguments = {"sources": "/data/raw"} if operator is ConversationTablesOperator else {}
        operator(task_id="task", destination="/data/out", **arguments)

    (stored,) = links_in(serialized_dag(dag))
    assert sorted(stored) == ["Object store", "Partitions"]
    assert get_provider_info()["extra-links"] == [
        f"{kind.__module__}.{kind.__qualname__}" for kind in (PartitionsLink, ObjectStoreLink)
    ]
