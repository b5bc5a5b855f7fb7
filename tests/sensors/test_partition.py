from __future__ import annotations

import json
import traceback
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pendulum
import pytest
from airflow.sdk import ObjectStoragePath

from airflow_provider_convexport.compat import AirflowFailException, AirflowRescheduleException
from airflow_provider_convexport.errors import DestinationUnavailableError
from airflow_provider_convexport.operators.ada import AdaExportOperator
from airflow_provider_convexport.operators.agentx import AgentXExportOperator
from airflow_provider_convexport.operators.base import ExportOperator
from airflow_provider_convexport.sensors.partition import ExportPartitionSensor
from tests.support.exceptions import SensorTimeout
from tests.support.tiny_server import as_json

APRIL_1 = pendulum.datetime(2026, 4, 1)


def context_of(days=2):
    return {
        "data_interval_start": APRIL_1,
        "data_interval_end": APRIL_1.add(days=days),
        "run_id": "scheduled__1",
        "ti": SimpleNamespace(get_first_reschedule_date=lambda context: None),
    }


@pytest.fixture
def ada(connect, server):
    connect("ada", server.url)
    records = [{"_id": str(hour), "date_created": f"2026-04-01T{hour:02}:00:00"} for hour in range(3)]
    server.fallback = lambda asked: as_json({"data": records, "meta": {"next_page_uri": None}})
    return server


def export(destination, days=2, kind=AdaExportOperator, **arguments):
    kind(task_id="export", destination=str(destination), **arguments).execute(context_of(days))


def sensor(destination, **arguments):
    return ExportPartitionSensor(task_id="published", destination=str(destination), **arguments)


def test_it_succeeds_with_the_facts_when_every_partition_has_a_manifest(tmp_path, ada):
    export(tmp_path)

    facts = sensor(tmp_path).execute(context_of())

    assert facts == {
        "interval": ["2026-04-01T00:00:00Z", "2026-04-03T00:00:00Z"],
        "records": 3,
        "manifests": [f"file://{tmp_path}/dt=2026-04-0{day}/_manifest.json" for day in (1, 2)],
    }


def test_it_asks_no_vendor(tmp_path, ada):
    export(tmp_path)
    asked = len(ada.asked)

    sensor(tmp_path).execute(context_of())

    assert len(ada.asked) == asked


def test_it_waits_where_nothing_was_ever_published(tmp_path):
    assert not sensor(tmp_path / "nothing").poke(context_of())


@pytest.mark.parametrize("day", [1, 2])
def test_it_waits_while_one_manifest_is_missing(tmp_path, ada, day):
    export(tmp_path)
    (tmp_path / f"dt=2026-04-0{day}" / "_manifest.json").unlink()

    assert not sensor(tmp_path).poke(context_of())


def test_it_waits_for_every_day_of_a_longer_run(tmp_path, ada):
    export(tmp_path, days=2)

    assert not sensor(tmp_path).poke(context_of(days=3))


def test_many_small_runs_serve_one_long_one(tmp_path, ada):
    export(tmp_path, days=1)
    export(tmp_path, days=2)

    assert sensor(tmp_path).poke(context_of())


@pytest.mark.parametrize("partition_by", ["hour", "interval"])
def test_it_looks_where_the_export_writes(tmp_path, ada, partition_by):
    export(tmp_path, partition_by=partition_by)

    assert sensor(tmp_path, partition_by=partition_by).poke(context_of())
    assert not sensor(tmp_path).poke(context_of())


def test_another_interval_with_the_same_start_is_not_this_one(tmp_path, ada):
    export(tmp_path, days=1, partition_by="interval")

    assert not sensor(tmp_path, partition_by="interval").poke(context_of(days=2))


def test_it_looks_in_the_folder_of_the_scope(tmp_path, connect, server):
    connect("agentx", server.url, extra={"bot_name": "a/b"})
    server.fallback = lambda asked: as_json({"data": [], "cursor": None})
    export(tmp_path, kind=AgentXExportOperator)

    assert sensor(tmp_path, scope={"bot_name": "a/b"}).poke(context_of())
    assert not sensor(tmp_path, scope={"bot_name": "other"}).poke(context_of())
    assert not sensor(tmp_path).poke(context_of())


@pytest.mark.parametrize(("min_records", "done"), [(0, True), (3, True), (4, False)])
def test_it_can_wait_for_a_number_of_records(tmp_path, ada, min_records, done):
    export(tmp_path)

    assert bool(sensor(tmp_path, min_records=min_records).poke(context_of())) is done


def test_files_without_a_manifest_are_not_a_partition(tmp_path, ada):
    export(tmp_path)
    for manifest in tmp_path.rglob("_manifest.json"):
        manifest.unlink()

    assert list(tmp_path.rglob("part-*"))
    assert not sensor(tmp_path).poke(context_of())


def test_a_waiting_look_reads_one_object(tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(
        "airflow_provider_convexport.sensors.partition.read_manifest",
        lambda store, folder: read.append(folder),
    )

    sensor(tmp_path).poke(context_of(days=30))

    assert read == ["dt=2026-04-30"]


class TestModes:
    def test_poking_goes_on_until_the_partitions_are_there(self, tmp_path, ada, monkeypatch):
        waiting = sensor(tmp_path, poke_interval=0)
        look, looks = waiting.poke, []

        def poke(context):
            looks.append(look(context))
            if len(looks) == 2:
                export(tmp_path)
            return looks[-1]

        monkeypatch.setattr(waiting, "poke", poke)

        assert waiting.execute(context_of())["records"] == 3
        assert [bool(each) for each in looks] == [False, False, True]

    def test_rescheduling_gives_the_slot_back(self, tmp_path):
        with pytest.raises(AirflowRescheduleException):
            sensor(tmp_path, mode="reschedule").execute(context_of())

    def test_rescheduling_ends_when_the_partitions_are_there(self, tmp_path, ada):
        export(tmp_path)

        assert sensor(tmp_path, mode="reschedule").execute(context_of())["records"] == 3

    def test_it_gives_up_after_its_timeout(self, tmp_path):
        with pytest.raises(SensorTimeout):
            sensor(tmp_path, timeout=0, poke_interval=0).execute(context_of())


class TestDestination:
    @pytest.mark.parametrize("kind", [str, ObjectStoragePath])
    def test_a_url_is_understood_as_by_the_operators(self, tmp_path, ada, kind):
        export(tmp_path.as_uri())

        waiting = ExportPartitionSensor(task_id="published", destination=kind(tmp_path.as_uri()))

        assert waiting.poke(context_of())

    def test_its_arguments_are_those_of_the_operators(self):
        assert set(ExportPartitionSensor.template_fields) - {"scope"} <= set(ExportOperator.template_fields)

    def test_templates_reach_it(self, tmp_path):
        waiting = sensor("{{ root }}", scope={"bot_name": "{{ bot }}"}, interval_start="{{ a }}")

        waiting.render_template_fields({"root": str(tmp_path), "bot": "b1", "a": "2026-04-01T00:00:00Z"})

        assert (waiting.destination, waiting.scope) == (str(tmp_path), {"bot_name": "b1"})
        assert waiting.interval_start == "2026-04-01T00:00:00Z"


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        ({"destination": " "}, "name a folder or a URL"),
        ({"destination": "s3://"}, "."),
        ({"partition_by": "week"}, "partition_by='week' is not one of"),
        (
            {"interval_start": "2026-04-01T05:00:00Z", "interval_end": "2026-04-02T00:00:00Z"},
            "whole UTC days",
        ),
        ({"interval_start": "2026-04-01T00:00:00Z"}, "pass both interval_start and interval_end"),
        (
            {"destination": "file://one@/set", "destination_conn_id": "two"},
            "names the connection 'one' and destination_conn_id is 'two'",
        ),
    ],
)
def test_a_wrong_dag_fails_without_retry(tmp_path, arguments, advice):
    with pytest.raises(AirflowFailException, match=advice):
        sensor(**{"destination": str(tmp_path)} | arguments).execute(context_of())


def test_a_store_that_fails_is_named_without_the_frames_of_the_cause(tmp_path, monkeypatch):
    def failing(*arguments):
        try:
            raise OSError("a broken connection")
        except OSError as cause:
            raise DestinationUnavailableError(url="s3://b/x", problem="y", connection=None) from cause

    monkeypatch.setattr("airflow_provider_convexport.sensors.partition._manifests", failing)
    with pytest.raises(DestinationUnavailableError) as caught:
        sensor(destination=str(tmp_path)).execute(context_of())

    assert "a broken connection" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            {"min_records": "5"},
            "min_records='5' is not a whole number of 0 or more; write min_records=1, or leave it out.",
        ),
        (
            {"min_records": -1},
            "min_records=-1 is not a whole number of 0 or more; write min_records=1, or leave it out.",
        ),
        (
            {"min_records": True},
            "min_records=True is not a whole number of 0 or more; write min_records=1, or leave it out.",
        ),
        (
            {"scope": "support"},
            "scope='support' is not a dict of text; write scope={'shop_id': ...} for Applied Labs, "
            "scope={'bot_name': ...} for AgentX, or leave it out for Ada.",
        ),
        (
            {"scope": {"bot_name": 5}},
            "scope={'bot_name': 5} is not a dict of text; write scope={'shop_id': ...} for Applied Labs, "
            "scope={'bot_name': ...} for AgentX, or leave it out for Ada.",
        ),
    ],
)
def test_a_wrong_argument_fails_with_one_sentence(tmp_path, arguments, sentence):
    with pytest.raises(AirflowFailException) as caught:
        sensor(tmp_path, **arguments).execute(context_of())
    assert str(caught.value) == sentence


def test_something_else_under_the_manifests_name_fails_without_retry(tmp_path, ada):
    export(tmp_path)
    manifest = tmp_path / "dt=2026-04-02" / "_manifest.json"
    manifest.write_text(json.dumps({"records": 5}))

    with pytest.raises(AirflowFailException, match="is not a manifest of this package"):
        sensor(tmp_path).execute(context_of())
    assert Path(manifest).exists()


def test_an_interval_of_a_period_is_found(tmp_path, ada):
    export(tmp_path, days=1)
    instant = {"data_interval_start": APRIL_1.add(days=1), "data_interval_end": APRIL_1.add(days=1)}

    assert sensor(tmp_path, period=timedelta(days=1)).poke(instant)


def test_days_of_a_zone_are_waited_for_as_they_are_exported(ada, tmp_path):
    start = pendulum.datetime(2026, 4, 1, tz="Asia/Kathmandu")
    context = {"data_interval_start": start, "data_interval_end": start.add(days=2), "run_id": "r"}
    zone = {"destination": str(tmp_path), "partition_timezone": "Asia/Kathmandu"}
    waiting = ExportPartitionSensor(task_id="wait", **zone)
    assert not waiting.poke(context).is_done

    AdaExportOperator(task_id="export", **zone).execute(context)

    assert waiting.poke(context).is_done
    assert (
        not ExportPartitionSensor(task_id="utc", destination=str(tmp_path))
        .poke({**context, "data_interval_start": APRIL_1, "data_interval_end": APRIL_1.add(days=1)})
        .is_done
    )


def test_it_does_not_wait_for_days_that_a_clip_left_out(tmp_path, ada):
    export(tmp_path, days=4)
    for day in (3, 4):
        path = tmp_path / f"dt=2026-04-0{day}" / "_manifest.json"
        expired = {"start": "2026-04-01T00:00:00Z", "end": "2026-04-03T05:00:00Z"}
        path.write_text(json.dumps({**json.loads(path.read_text()), "expired": expired}))
    for day in (1, 2):
        (tmp_path / f"dt=2026-04-0{day}" / "_manifest.json").unlink()

    facts = sensor(tmp_path).execute(context_of(4))

    assert facts["manifests"] == [f"file://{tmp_path}/dt=2026-04-0{day}/_manifest.json" for day in (3, 4)]

    (tmp_path / "dt=2026-04-03" / "_manifest.json").unlink()
    assert not sensor(tmp_path).poke(context_of(4)).is_done
