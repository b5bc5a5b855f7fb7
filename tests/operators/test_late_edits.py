"""Exports of an interval that was exported before, whose records may have changed since."""

from __future__ import annotations

from types import SimpleNamespace

import pendulum
import pytest
from airflow.sdk import Asset

from airflow_provider_convexport.compat import AirflowFailException, AirflowSkipException
from airflow_provider_convexport.operators.ada import AdaExportOperator
from tests.support.published import manifests
from tests.support.tiny_server import as_json

APRIL_1 = pendulum.datetime(2026, 4, 1)
ASSET = Asset(name="conversations", uri="s3://b/conversations")


class Vendor:
    """Three days of records that can be edited."""

    def __init__(self, server):
        self.records = {
            f"r{day}": {"_id": f"r{day}", "date_created": f"2026-04-0{day}T12:00:00"} for day in (1, 2, 3)
        }
        server.fallback = lambda asked: as_json(
            {"data": list(self.records.values()), "meta": {"next_page_uri": None}}
        )

    def edit(self, identity):
        self.records[identity]["topic"] = "billing"


class Event:
    def __init__(self):
        self.extra = {}
        self.keys = []

    def add_partitions(self, keys):
        self.keys += keys


class Events:
    """As Airflow's: by asset, whose hash fails in Airflow 3.1."""

    def __init__(self, event):
        self.event = event

    def __getitem__(self, asset):
        assert asset.name == ASSET.name
        return self.event


@pytest.fixture
def vendor(connect, server):
    connect("ada", server.url)
    return Vendor(server)


def execute(folder, run, *, days=3, event=None, **arguments):
    operator = AdaExportOperator(task_id="export", destination=str(folder), **arguments)
    context = {
        "data_interval_start": APRIL_1,
        "data_interval_end": APRIL_1.add(days=days),
        "run_id": f"scheduled__{run}",
        "outlet_events": Events(event),
    }
    return operator.execute(context)


def commits(folder):
    return [manifest["commit"] for manifest in manifests(folder).values()]


def test_only_the_partition_whose_records_changed_is_written_and_told_of(vendor, tmp_path):
    execute(tmp_path, 1)
    before = commits(tmp_path)
    vendor.edit("r2")
    event = Event()

    facts = execute(tmp_path, 2, skip_unchanged=True, outlets=[ASSET], event=event)

    after = commits(tmp_path)
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False, True]
    assert facts["manifests"] == [f"file://{tmp_path}/dt=2026-04-02/_manifest.json"]
    assert (facts["records"], facts["unchanged"]) == (1, 2)
    assert event.extra.items() >= facts.items()
    assert list(event.extra["days"]) == ["2026-04-02"]


def test_a_run_that_changes_nothing_ends_as_skipped_so_that_no_event_is_sent(vendor, tmp_path):
    execute(tmp_path, 1)
    before = commits(tmp_path)

    with pytest.raises(
        AirflowSkipException, match=r"No partition of 2026-04-01.* has changed, .* no asset event"
    ):
        execute(tmp_path, 2, skip_unchanged=True, outlets=[ASSET], event=Event())

    assert commits(tmp_path) == before
    assert not (tmp_path / "_staging").exists()


def test_without_outlets_such_a_run_returns_its_facts(vendor, tmp_path):
    execute(tmp_path, 1)

    facts = execute(tmp_path, 2, skip_unchanged=True)

    assert (facts["manifests"], facts["records"], facts["unchanged"]) == ([], 0, 3)


def test_without_being_asked_every_partition_is_written_and_unchanged_is_not_spoken_of(vendor, tmp_path):
    execute(tmp_path, 1)
    before = commits(tmp_path)

    facts = execute(tmp_path, 2, outlets=[ASSET], event=Event())

    assert not set(before) & set(commits(tmp_path))
    assert "unchanged" not in facts


def test_each_written_partition_gets_an_event_of_its_own_if_asked(vendor, tmp_path):
    event = Event()

    execute(tmp_path, 1, add_partitions=True, outlets=[ASSET], event=event)

    assert event.keys == ["2026-04-01", "2026-04-02", "2026-04-03"]


def test_partition_events_and_unchanged_partitions_go_together(vendor, tmp_path):
    execute(tmp_path, 1)
    vendor.edit("r3")
    event = Event()

    execute(tmp_path, 2, add_partitions=True, skip_unchanged=True, outlets=[ASSET], event=event)

    assert event.keys == ["2026-04-03"]


def test_partition_events_need_an_asset(vendor, server, tmp_path):
    with pytest.raises(AirflowFailException, match=r"add_partitions=True needs an asset; pass outlets="):
        execute(tmp_path, 1, add_partitions=True)
    assert not server.asked


def test_partition_events_need_an_airflow_that_has_them(vendor, server, tmp_path):
    old = SimpleNamespace(extra={})

    with pytest.raises(AirflowFailException, match=r"add_partitions=True needs Airflow 3.3 or newer"):
        execute(tmp_path, 1, add_partitions=True, outlets=[ASSET], event=old)
    assert not server.asked


def test_days_of_a_zone_are_written_to_the_folders_of_local_days(vendor, tmp_path):
    operator = AdaExportOperator(
        task_id="export", destination=str(tmp_path), partition_timezone="Asia/Kathmandu", period=None
    )
    start = pendulum.datetime(2026, 4, 1, tz="Asia/Kathmandu")

    operator.execute({"data_interval_start": start, "data_interval_end": start.add(days=2), "run_id": "r"})

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "_dataset.json",
        "dt=2026-04-01",
        "dt=2026-04-02",
    ]
    manifest = manifests(tmp_path)["dt=2026-04-01"]
    assert manifest["partition"] == {"start": "2026-03-31T18:15:00Z", "end": "2026-04-01T18:15:00Z"}
    assert manifest["records"] == 1


def test_a_cleared_task_rewrites_nothing_that_is_the_same_but_tells_of_it_again(vendor, tmp_path):
    """Whether the event of the earlier try was sent is not known, so it is sent at least once."""
    execute(tmp_path, 1, skip_unchanged=True, outlets=[ASSET], event=Event())
    before, event = commits(tmp_path), Event()

    facts = execute(tmp_path, 1, skip_unchanged=True, add_partitions=True, outlets=[ASSET], event=event)

    assert commits(tmp_path) == before
    assert event.keys == ["2026-04-01", "2026-04-02", "2026-04-03"]
    assert (facts["unchanged"], len(facts["manifests"])) == (0, 3)
