"""The manifests that the asset events name which started a run."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.sdk import Asset
from airflow.sdk.execution_time import task_runner

from airflow_provider_convexport.triggering_events import manifests_of_events
from tests.support.outlet_events import ByAsset
from tests.support.samples import HOUR
from tests.support.tables import FIRST
from tests.support.triggering_events import Supervisor, handed_event, stored_event

ASSET, OTHER = Asset("raw", uri="s3://b/raw"), Asset("other", uri="s3://b/other")


@pytest.fixture
def supervisor(monkeypatch):
    """A supervisor that knows four events of the asset, one each hour, of which each names two manifests."""
    known = [stored_event(each, ASSET, FIRST + each * HOUR, [f"m{each}", f"m{each}b"]) for each in range(4)]
    supervisor = Supervisor(*known)
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    return supervisor


@pytest.mark.parametrize("context", [{}, {"triggering_asset_events": None}, {"triggering_asset_events": {}}])
def test_a_run_that_no_event_started_has_none(context):
    assert manifests_of_events(context) == []


def test_later_events_follow_those_that_were_handed_over_and_earlier_ones_do_not_count(supervisor):
    events = [handed_event(ASSET, FIRST + each * HOUR, [f"m{each}", f"m{each}b"]) for each in (2, 1)]

    found = manifests_of_events({"triggering_asset_events": ByAsset((ASSET, events))})

    assert found == ["m2", "m2b", "m1", "m1b", "m3", "m3b"]
    assert [(each.name, each.uri) for each in supervisor.asked] == [(ASSET.name, ASSET.uri)]


def test_each_asset_is_asked_for_once_and_each_manifest_comes_once(supervisor):
    supervisor.events = supervisor.events[-1:]
    events = ByAsset(
        (ASSET, [handed_event(ASSET, FIRST, ["m3", "m1"])]),
        (OTHER, [handed_event(OTHER, FIRST, ["m1"]), handed_event(OTHER, FIRST, ["m4"])]),
    )

    found = manifests_of_events({"triggering_asset_events": events})

    assert found == ["m3", "m1", "m4", "m3b"]
    assert sorted(each.name for each in supervisor.asked) == ["other", "raw"]


@pytest.mark.parametrize("extra", [None, {}, {"manifests": "m1"}, {"manifests": [7, None]}])
def test_events_that_name_no_manifests_are_none_of_ours(extra):
    events = ByAsset((ASSET, [SimpleNamespace(extra=extra)]))

    assert manifests_of_events({"triggering_asset_events": events}) == []
