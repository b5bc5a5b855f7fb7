"""Measures the peak memory of exports with many records, each in a fresh process.

Run ``python -m benchmarks.memory`` in the repository. Each row exports conversations from a client that makes
up its answers, without rate limits, to a local disk. ``--scale 1`` exports all records; the default exports a
tenth of them: to as many hours, all of which are open at once, and to a tenth of the days.

Staging depends on time, so a clock is used that each page moves by a tenth of a second, which is the shortest
time from page to page that a vendor allows, and that otherwise runs at a twentieth of its speed.
"""

from __future__ import annotations

from benchmarks import virtual_time  # isort: skip - before the package takes the clocks

import argparse
import json
import logging
import resource
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.fresh_process import measured

START = datetime(2025, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    """One row of the table.

    :param title: Its name in the table.
    :param vendor: The vendor's machine name.
    :param records: Number of records.
    :param days: Length of the interval.
    :param by: Partitions by ``day`` or ``hour``.
    """

    title: str
    vendor: str
    records: int
    days: int
    by: str


ROWS = {
    "hours": Row("600,000 records over 720 hours", "ada", 600_000, 30, "hour"),
    "agentx-hours": Row("the same of AgentX", "agentx", 600_000, 30, "hour"),
    "days": Row("3 million records by day", "ada", 3_000_000, 365, "day"),
    "agentx-days": Row("the same of AgentX", "agentx", 3_000_000, 365, "day"),
}


def measure(row: Row, scale: float, concurrency: int | None) -> dict[str, Any]:
    """Export a row, and return the peak memory of this process before and after, in MiB."""
    from airflow_provider_convexport.destination import store_at
    from airflow_provider_convexport.export.job import Job, TaskTry
    from airflow_provider_convexport.export.run import Export
    from airflow_provider_convexport.export.window import Window
    from airflow_provider_convexport.operators import agentx  # noqa: F401 - what a task imports
    from tests.support.page_source import PageSource, query_of

    logging.getLogger("airflow_provider_convexport").setLevel(logging.ERROR)
    days = row.days if row.by == "hour" else max(round(row.days * scale), 1)
    interval = Window(START, START + timedelta(days=days))
    virtual_time.slow_down(1 / 20)
    source = PageSource(
        row.vendor, interval, round(row.records * scale), asked=lambda: virtual_time.advance(0.1)
    )
    job = Job(
        query_of(row.vendor),
        interval,
        row.by,
        concurrency=concurrency,
        task=TaskTry("benchmark", "export", "1"),
    )
    with tempfile.TemporaryDirectory() as folder:
        export = Export(job, source, store_at(folder))
        before = _peak()
        outcome = export.run()
    assert sum(each.manifest.records for each in outcome.written) == source.count
    return {"records": source.count, "partitions": len(outcome.written), "before": before, "peak": _peak()}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scale", type=float, default=0.1, help="part of the records; 1 for all")
    parser.add_argument("--rows", nargs="*", choices=list(ROWS), default=list(ROWS), help="only these rows")
    parser.add_argument("--concurrency", type=int, default=0, help="threads; by default the vendor's")
    parser.add_argument("--measure", choices=list(ROWS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        found = measure(ROWS[arguments.measure], arguments.scale, arguments.concurrency or None)
        print(json.dumps(found))
        return
    print("run                                 records  partitions  before MiB  peak MiB")
    for name in arguments.rows:
        found = measured("benchmarks.memory", name, scale=arguments.scale, concurrency=arguments.concurrency)
        print(
            f"{ROWS[name].title:<32} {found['records']:>10,} {found['partitions']:>11,} "
            f"{found['before']:>11.0f} {found['peak']:>9.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
