"""The facts of a run that makes tables: what ``execute`` returns, and what it says in the log.

Also what the asset events that start such a run say: which manifests were written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from airflow_provider_convexport.compat import asset_events
from airflow_provider_convexport.export.window import Window, iso

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from airflow_provider_convexport.tables.run import TablesOutcome


class TableFacts(TypedDict):
    """What a run did to one table: rows and partitions that were written, partitions that stay."""

    rows: int
    partitions: int
    unchanged: int


class TablesFacts(TypedDict):
    """What ``execute`` returns, and what the asset events of outlets carry as ``extra``.

    ``interval`` is two ISO-8601 strings in UTC, start (closed) and end (open): the run's interval, or, if
    asset events started the run, from the first of their partitions to the last. ``manifests`` are the URLs
    of the manifests that were written.
    """

    vendor: str
    interval: list[str]
    tables: dict[str, TableFacts]
    manifests: list[str]


def manifests_of_events(context: Mapping[str, Any]) -> list[str]:
    """Return the URLs of the manifests that are named by the asset events which triggered the run.

    So are those of each later event of the same assets. If an asset has several events before Airflow has
    created the run that the first one asks for, Airflow hands the run only that one, and starts no run for
    the others. With ``max_active_runs`` that may be all events of hours.
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


def facts_of(vendor: str, interval: Window, outcome: TablesOutcome) -> TablesFacts:
    """Return the facts of a run."""
    tables = {
        table: TableFacts(rows=0, partitions=0, unchanged=unchanged)
        for table, unchanged in sorted(outcome.unchanged.items())
    }
    for each in outcome.written:
        tables[each.key.table]["rows"] += each.rows
        tables[each.key.table]["partitions"] += 1
    return TablesFacts(
        vendor=vendor,
        interval=[iso(interval.start), iso(interval.end)],
        tables=tables,
        manifests=list(dict.fromkeys(each.url for each in outcome.written)),
    )


def summary_of(facts: TablesFacts) -> str:
    """Return one sentence: what was made of which raw partitions."""
    tables = "; ".join(
        f"{name}: {each['rows']} rows in {each['partitions']} partitions, {each['unchanged']} unchanged"
        for name, each in facts["tables"].items()
    )
    what = f"Tables of {facts['vendor']}" if facts["vendor"] else "Tables"
    return f"{what} for {'..'.join(facts['interval'])}: {tables or 'no raw partitions'}."
