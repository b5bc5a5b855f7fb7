"""The asset events that Airflow hands to the run that they started, and those that a task asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.execution_time.comms import (
    AssetEventDagRunReferenceResult,
    AssetEventResult,
    AssetEventsResult,
    GetAssetEventByAsset,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from airflow.sdk import Asset


class Supervisor:
    """Answers a task that asks for the events of an asset."""

    def __init__(self, *events: AssetEventResult) -> None:
        self.events = events
        self.asked: list[GetAssetEventByAsset] = []

    def send(self, message: GetAssetEventByAsset) -> AssetEventsResult:
        self.asked.append(message)
        return AssetEventsResult(asset_events=list(self.events))


def handed_event(asset: Asset, at: datetime, manifests: Iterable[str]) -> AssetEventDagRunReferenceResult:
    """Return an event as a run that it started gets it."""
    of = {"name": asset.name, "uri": asset.uri, "extra": {}}
    return AssetEventDagRunReferenceResult(asset=of, source_aliases=[], **_fields(at, manifests))


def stored_event(number: int, asset: Asset, at: datetime, manifests: Iterable[str]) -> AssetEventResult:
    """Return an event as a task gets it that asks for it."""
    of = {"name": asset.name, "uri": asset.uri, "extra": {}, "group": "asset"}
    return AssetEventResult(id=number, asset=of, created_dagruns=[], **_fields(at, manifests))


def _fields(at: datetime, manifests: Iterable[str]) -> dict[str, Any]:
    source = dict.fromkeys(("source_task_id", "source_dag_id", "source_run_id", "source_map_index"))
    return {"timestamp": at, "extra": {"manifests": list(manifests)}, **source}
