"""What asset events say of the days that an export published."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pendulum
import pytest
from airflow.sdk import Asset

from airflow_provider_convexport.operators.ada import AdaExportOperator
from airflow_provider_convexport.page.extra import decoded, key_of
from tests.support.connections import KEY
from tests.support.tiny_server import as_json

APRIL_1 = pendulum.datetime(2026, 4, 1)
APRIL_2 = APRIL_1.add(days=1)


@pytest.fixture
def ada(connect, server):
    connect("ada", server.url)
    records = [{"_id": f"{hour}", "date_created": f"2026-04-01T{hour:02}:30:00"} for hour in range(3)]
    server.fallback = lambda asked: as_json({"data": records, "meta": {"next_page_uri": None}})
    return server


def extra_of(destination, start=APRIL_1, end=APRIL_2, **arguments):
    asset = Asset("ada", uri="x://ada")
    event = SimpleNamespace(extra={})

    class Events:
        def __getitem__(self, _):
            return event

    context = {"data_interval_start": start, "data_interval_end": end, "run_id": "scheduled__1"}
    operator = AdaExportOperator(task_id="export", destination=f"{destination}", outlets=[asset], **arguments)
    returned = operator.execute({**context, "outlet_events": Events()})
    return event.extra, returned


def test_an_event_names_its_dataset_and_the_numbers_of_each_day(ada, tmp_path):
    extra, returned = extra_of(tmp_path / "lake", end=APRIL_1.add(days=2))
    days = extra["days"]

    assert extra["dataset"] == f"file://{tmp_path}/lake"
    assert (extra["scope"], extra["window_on"], extra["partition_by"]) == ({}, "created", "day")
    assert {day: item["records"] for day, item in days.items()} == {"2026-04-01": 3, "2026-04-02": 0}
    assert days["2026-04-01"]["bytes"] == returned["bytes"]
    assert all(set(item) == {"records", "bytes", "commit"} for item in days.values())
    assert (extra["duplicates"], extra["outside_interval"]) == (0, 0)


def test_what_the_task_returns_is_not_changed_by_that(ada, tmp_path):
    _, returned = extra_of(tmp_path / "lake")

    assert set(returned) == {"vendor", "stream", "interval", "records", "bytes", "requests", "manifests"}


def test_an_hour_of_a_day_is_named_and_whole_days_are_summed(ada, tmp_path):
    hour, _ = extra_of(tmp_path / "a", end=APRIL_1.add(hours=2), partition_by="hour")
    year, _ = extra_of(tmp_path / "b", end=APRIL_1.add(days=1, hours=1), partition_by="hour")

    assert list(hour["days"]) == ["2026-04-01"]
    assert [records for records, _ in hour["days"]["2026-04-01"]["hours"].values()] == [1, 1]
    assert "hours" not in year["days"]["2026-04-01"]
    assert list(year["days"]["2026-04-02"]["hours"]) == ["00"]


def test_an_interval_is_one_span(ada, tmp_path):
    extra, _ = extra_of(tmp_path / "lake", end=APRIL_1.add(hours=5), partition_by="interval")

    assert "days" not in extra
    assert [(each["start"], each["end"], each["records"]) for each in extra["spans"]] == [
        ("2026-04-01T00:00:00Z", "2026-04-01T05:00:00Z", 3)
    ]


def test_a_day_that_is_exported_before_it_has_settled_is_early(ada, tmp_path):
    tomorrow = pendulum.instance(datetime.now(UTC)).start_of("day").add(days=1)
    extra, _ = extra_of(tmp_path / "lake", tomorrow.subtract(days=2), tomorrow, on_unsettled="export")

    assert [item.get("early", False) for item in extra["days"].values()][-1] is True


def test_a_year_by_hour_says_one_line_for_each_day(ada, tmp_path):
    extra, _ = extra_of(tmp_path / "lake", APRIL_1.subtract(days=9), APRIL_1.add(days=1), partition_by="hour")
    without = {key: value for key, value in extra.items() if key != "manifests"}

    assert len(extra["days"]) == 10
    assert len(json.dumps(without)) < 600 + 100 * 10


def test_an_event_holds_neither_the_key_nor_a_connection_nor_a_record(ada, tmp_path):
    extra, _ = extra_of(tmp_path / "lake")
    text = json.dumps(extra)

    assert KEY not in text
    assert "date_created" not in text


def test_the_coverage_page_reads_what_an_export_sends(ada, tmp_path):
    extra, _ = extra_of(tmp_path / "lake", end=APRIL_1.add(days=1, hours=1), partition_by="hour")
    read = decoded(json.dumps(extra))

    assert key_of(read) == (f"file://{tmp_path}/lake", "ada", "conversations", ())
    assert read.days["2026-04-01"].records == 3
