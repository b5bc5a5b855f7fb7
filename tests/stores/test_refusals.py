"""What people read when a store refuses, is not there, or has an outage."""

from __future__ import annotations

import pytest

from airflow_provider_convexport.compat import AirflowFailException
from airflow_provider_convexport.errors import DestinationUnavailableError
from airflow_provider_convexport.sensors.partition import ExportPartitionSensor
from tests.stores.buckets import BUCKET, S3, Gcs
from tests.support.connections import define
from tests.support.exports import export
from tests.support.ports import free_port
from tests.support.samples import DAY
from tests.support.streams import MIDNIGHT, case_of

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

START = MIDNIGHT - 20 * DAY
END = START + DAY
CASE = case_of("agentx", "messages")


@pytest.fixture
def strict(remote):
    """A store that looks at credentials."""
    if isinstance(remote, Gcs):
        pytest.skip("gcp-storage-emulator refuses nobody.")
    return remote


def test_refused_credentials_are_one_sentence_that_names_the_connection(simulator, strict, root):
    url = strict.url(root).replace(strict.conn_id, f"{strict.conn_id}_refused")

    with pytest.raises(AirflowFailException) as caught:
        export(CASE, url, START, END)

    assert str(caught.value).startswith(f"The object store refused {url} (")
    assert str(caught.value).endswith(
        f"). Check the credentials and permissions of the Airflow connection '{strict.conn_id}_refused'."
    )
    assert "\n" not in str(caught.value)
    assert caught.value.__suppress_context__
    assert len(simulator.request_log.requests) == 0


def test_a_sensor_fails_at_once_where_its_credentials_are_refused(strict, root):
    url = strict.url(root).replace(strict.conn_id, f"{strict.conn_id}_refused")
    sensor = ExportPartitionSensor(task_id="wait", destination=url)

    with pytest.raises(AirflowFailException, match="The object store refused"):
        sensor.poke({"data_interval_start": START, "data_interval_end": END})


def test_a_bucket_that_does_not_exist_is_one_sentence(simulator, remote, root):
    url = remote.url(root).replace(BUCKET, "nobody-made-this")

    with pytest.raises(AirflowFailException) as caught:
        export(CASE, url, START, END)

    assert str(caught.value) == (
        f"The destination {url} cannot be written: there is no such bucket or container; create it, or "
        "correct its name."
    )
    assert len(simulator.request_log.requests) == 0


def test_a_connection_that_does_not_exist_is_one_sentence(simulator, remote, root):
    url = remote.url(root).replace(remote.conn_id, "forgotten")

    with pytest.raises(AirflowFailException) as caught:
        export(CASE, url, START, END)

    assert str(caught.value) == (
        f"The connection 'forgotten' that destination='{url}' names does not exist; create it."
    )


def test_a_store_that_is_away_is_worth_a_retry(simulator, remote, root, monkeypatch):
    if not isinstance(remote, S3):
        pytest.skip("Its client tries for minutes before it gives up.")
    away = remote.connections(f"http://127.0.0.1:{free_port()}")
    define(monkeypatch, {name.replace("LAKE", "AWAY"): value for name, value in away.items()})
    url = remote.url(root).replace("lake_", "away_")

    with pytest.raises(DestinationUnavailableError) as caught:
        export(CASE, url, START, END)

    assert str(caught.value).startswith(f"The object store of {url} gave no usable answer (")
    assert "'away_" in str(caught.value)
    assert len(simulator.request_log.requests) == 0
