"""Compares what checkpoints write, and the CPU time that they take, with the data that a run writes.

Run ``python -m benchmarks.checkpoint`` in the repository. Each row exports conversations from a client that
makes up its answers, at the pace of the vendor's rate limit but in virtual time, so that as many checkpoints
are written as in a real run. ``--scale 1`` runs all pages; the default runs a tenth of them.
"""

from __future__ import annotations

from benchmarks import virtual_time  # isort: skip - before the package takes the clocks

import argparse
import json
import logging
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.export.job import Job, TaskTry
from airflow_provider_convexport.export.run import Export
from airflow_provider_convexport.export.stage.attempt import Attempt
from airflow_provider_convexport.export.window import Window
from benchmarks.fresh_process import measured
from tests.support.counted_store import counted_store
from tests.support.page_source import PageSource, query_of

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2025, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    """One row of the table.

    :param vendor: The vendor's machine name.
    :param page_size: Records per request.
    :param pages: Number of pages.
    :param days: Length of the interval.
    :param seconds: Time from one page to the next under the vendor's rate limit.
    """

    vendor: str
    page_size: int
    pages: int
    days: int
    seconds: float


ROWS = {
    "applied_labs": Row("applied_labs", 100, 20_000, 365, 1.0),
    "agentx": Row("agentx", 25, 20_000, 365, 1 / 3),
    "ada": Row("ada", 10_000, 300, 365, 0.6),
}


class Watched:
    """The CPU time of the threads that run a function, while they run it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._lock = threading.Lock()
        self.seconds = 0.0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        began = time.thread_time()
        try:
            return self._function(*args, **kwargs)
        finally:
            with self._lock:
                self.seconds += time.thread_time() - began

    def __get__(self, instance: Any, owner: type) -> Callable[..., Any]:
        return partial(self, instance)


def measure(row: Row, scale: float) -> dict[str, Any]:
    """Export a row and return what it wrote and cost."""
    pages, days = max(round(row.pages * scale), 20), max(round(row.days * scale), 1)
    interval = Window(START, START + timedelta(days=days))
    source = PageSource(
        row.vendor, interval, pages * row.page_size, asked=lambda: virtual_time.advance(row.seconds)
    )
    store, objects = counted_store()
    saves, answers = Watched(Attempt.save_checkpoint), Watched(PageSource.answer)
    Attempt.save_checkpoint, PageSource.answer = saves, answers
    query = query_of(row.vendor, page_size=row.page_size)
    began = time.process_time()
    job = Job(query, interval, task=TaskTry("benchmark", "export", "measured"))
    outcome = Export(job, source, store).run()
    cpu = time.process_time() - began - answers.seconds
    assert sum(each.manifest.records for each in outcome.written) == source.count
    return {
        "pages": source.usage.pages, "records": source.count,
        "data": objects.bytes_put["part"], "checkpoints": objects.bytes_put["checkpoint"],
        "plans": objects.bytes_put["plan"], "cpu": cpu, "cpu_of_checkpoints": saves.seconds,
    }  # fmt: skip


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scale", type=float, default=0.1, help="part of the pages; 1 for all")
    parser.add_argument("--rows", nargs="*", choices=list(ROWS), default=list(ROWS), help="only these rows")
    parser.add_argument("--measure", choices=list(ROWS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        logging.getLogger("airflow_provider_convexport").setLevel(logging.ERROR)
        print(json.dumps(measure(ROWS[arguments.measure], arguments.scale)))
        return
    print(
        "vendor          pages    records  data MB  checkpoints MB  of data  plans MB  CPU s  in checkpoints"
    )
    for name in arguments.rows:
        found = measured("benchmarks.checkpoint", name, scale=arguments.scale)
        print(
            f"{name:<12} {found['pages']:>8,} {found['records']:>10,} {found['data'] / 1e6:>8.1f} "
            f"{found['checkpoints'] / 1e6:>15.2f} {found['checkpoints'] / found['data']:>8.1%} "
            f"{found['plans'] / 1e6:>9.2f} {found['cpu']:>6.2f} "
            f"{found['cpu_of_checkpoints'] / found['cpu']:>15.1%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
