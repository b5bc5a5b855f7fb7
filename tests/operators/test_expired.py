"""Exports of intervals of which the vendor no longer keeps everything."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from airflow.sdk import Asset

from airflow_provider_convexport.compat import AirflowFailException, AirflowSkipException
from tests.support.exports import export
from tests.support.published import manifests
from tests.support.samples import DAY
from tests.support.streams import MIDNIGHT, case_of
from tests.support.tiny_server import as_json

MINUTE = timedelta(minutes=1)
HISTORY = 30 * DAY
START = MIDNIGHT - 33 * DAY


@pytest.fixture
def vendor(connect, server):
    """Ada with a record every hour, a short memory, and the limits it says it has."""
    connect("ada", server.url)
    hours = [START + timedelta(hours=hour) for hour in range(40 * 24)]

    def answer(asked):
        params = dict(parse_qsl(urlsplit(asked.target).query))
        since, upto = (datetime.fromisoformat(params[name]) for name in ("created_since", "created_to"))
        assert since >= datetime.now(UTC) - HISTORY, "A strict vendor would refuse this."
        records = [
            {"_id": hour.isoformat(), "date_created": hour.isoformat()}
            for hour in hours
            if since <= hour < upto
        ]
        return as_json({"data": records, "meta": {"next_page_uri": None}})

    server.fallback = answer
    return server


def execute(folder, start, end, run="1", *, history=HISTORY, **arguments):
    """Run Ada's operator once.

    :param history: How long its hook believes that Ada keeps records.
    """

    def remember(hook):
        hook.streams = {name: replace(stream, history=history) for name, stream in hook.streams.items()}

    case = case_of("ada").with_hook(remember)
    return export(case, folder, start, end, run_id=run, **arguments)


def test_an_interval_that_begins_too_early_fails_without_a_request_and_says_what_to_do(vendor, tmp_path):
    with pytest.raises(AirflowFailException, match=r"keeps conversations for 30 days.*on_expired='clip'"):
        execute(tmp_path, START, START + 6 * DAY)

    assert not vendor.asked
    assert not list(tmp_path.iterdir())


def test_clipped_it_exports_what_is_left_and_says_so_in_the_manifest(vendor, tmp_path):
    facts = execute(tmp_path, START, START + 6 * DAY, on_expired="clip")

    found = manifests(tmp_path)
    assert facts["expired"][0] == f"{START:%Y-%m-%dT00:00:00Z}"
    clipped = datetime.fromisoformat(facts["expired"][1])
    assert 10 * MINUTE <= clipped - (datetime.now(UTC) - HISTORY) + MINUTE <= 72 * MINUTE
    days = [START + day * DAY for day in range(6) if START + (day + 1) * DAY > clipped]
    assert sorted(found) == [f"dt={day:%Y-%m-%d}" for day in days]
    start, end = facts["expired"]
    assert all(manifest["expired"] == {"start": start, "end": end} for manifest in found.values())
    assert facts["records"] == (START + 6 * DAY - clipped) // timedelta(hours=1)
    assert min(manifest["first_record_at"] for manifest in found.values()) == f"{clipped:%Y-%m-%dT%H:%M:%SZ}"


def test_clipping_leaves_partitions_alone_that_were_published_when_more_was_kept(vendor, tmp_path):
    records = [{"_id": str(day), "date_created": (START + day * DAY).isoformat()} for day in range(6)]
    strict = vendor.fallback
    vendor.fallback = lambda asked: as_json({"data": records, "meta": {"next_page_uri": None}})
    execute(tmp_path, START, START + 6 * DAY, history=None)
    vendor.fallback = strict
    before = manifests(tmp_path)

    facts = execute(tmp_path, START, START + 6 * DAY, "2", on_expired="clip")

    after = manifests(tmp_path)
    kept = [name for name in before if after[name] == before[name]]
    boundary = datetime.fromisoformat(facts["expired"][1])
    assert sorted(kept) == [
        f"dt={START + day * DAY:%Y-%m-%d}" for day in range(6) if START + day * DAY < boundary
    ]


def test_if_nothing_is_left_a_clipped_task_is_skipped(vendor, tmp_path):
    with pytest.raises(AirflowSkipException, match=r"it no longer has anything, and nothing was exported"):
        execute(tmp_path, START, START + DAY, on_expired="clip")

    assert not vendor.asked


def test_the_vendor_may_be_left_to_decide(vendor, tmp_path):
    vendor.fallback = lambda asked: as_json({"data": [], "meta": {"next_page_uri": None}})

    facts = execute(tmp_path, START, START + DAY, on_expired="export")

    assert (facts["records"], len(vendor.asked)) == (0, 1)
    assert "expired" not in facts


def test_another_word_is_refused(vendor, tmp_path):
    with pytest.raises(AirflowFailException, match=r"on_expired='ignore' is not one of"):
        execute(tmp_path, START + 10 * DAY, START + 11 * DAY, on_expired="ignore")


def test_an_interval_that_is_still_kept_is_not_touched(vendor, tmp_path):
    facts = execute(tmp_path, START + 10 * DAY, START + 11 * DAY, on_expired="clip")

    assert facts["records"] == 24
    assert "expired" not in facts


class Sent:
    """An event, as Airflow hands it to a task."""

    def __init__(self):
        self.extra, self.keys = {}, []

    def add_partitions(self, keys):
        self.keys += keys


class Events:
    """The events of a task with one asset; assets of Airflow 3.1 are no keys of a dict."""

    def __init__(self, event):
        self.event = event

    def __getitem__(self, asset):
        assert asset == ASSET
        return self.event


ASSET = Asset(name="set", uri="s3://bucket/set")


@pytest.mark.parametrize("days", [1, 6], ids=["nothing is left", "a part is left"])
def test_what_a_killed_try_published_before_the_vendor_dropped_it_is_told_of(vendor, tmp_path, days):
    everything, vendor.fallback = vendor.fallback, lambda asked: as_json({"data": [], "meta": {}})
    execute(tmp_path, START, START + days * DAY, history=None)  # its event was never sent
    vendor.fallback, sent = everything, Sent()

    facts = execute(
        tmp_path,
        START,
        START + days * DAY,
        on_expired="clip",
        add_partitions=True,
        outlets=[ASSET],
        outlet_events=Events(sent),
    )

    assert sent.keys == [f"{START + day * DAY:%Y-%m-%d}" for day in range(days)]
    assert len(facts["manifests"]) == days
