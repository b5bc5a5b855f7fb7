"""What asset events of exports and tables say to the Dags that they start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.compat import asset_events

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime


def manifests_of_events(context: Mapping[str, Any]) -> list[str]:
    """Return the URLs of the manifests that the asset events name which started a run, each once.

    Those of each later event of the same assets are among them: if an asset has several events before Airflow
    has created the run that the first one asks for, Airflow hands the run only that one, and starts no run
    for the others. With ``max_active_runs`` that may be all events of hours. A later run may be handed an
    event again that an earlier one has asked for in this way.

    :param context: The context of the task, as ``execute`` and the ``**context`` of a ``@task`` have it.
    :returns: The URLs in the order of the events, those that Airflow handed to the run first; none if no
        asset event started the run, or none names manifests.
    """
    events = [event for each in (context.get("triggering_asset_events") or {}).values() for event in each]
    first: dict[tuple[str, str], datetime] = {}
    for event in events:
        if (asset := getattr(event, "asset", None)) is not None:
            key = (asset.name, asset.uri)
            first[key] = min(first.get(key, event.timestamp), event.timestamp)
    for (name, uri), since in first.items():
        events += asset_events(name=name, uri=uri, since=since)
    return list(dict.fromkeys(url for event in events for url in _manifests_of(event)))


def _manifests_of(event: Any) -> Iterator[str]:
    extra = getattr(event, "extra", None)
    named = extra.get("manifests") if isinstance(extra, Mapping) else None
    if isinstance(named, (list, tuple)):
        yield from (url for url in named if isinstance(url, str))
