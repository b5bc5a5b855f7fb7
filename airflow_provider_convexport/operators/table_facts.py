"""The facts of a run that makes tables: what ``execute`` returns, and what it says in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from airflow_provider_convexport.export.window import Window, iso

if TYPE_CHECKING:
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
