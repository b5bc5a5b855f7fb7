"""Counts the operations of an export on its store, and the time that they take if the store is far away.

Run ``python -m benchmarks.store`` in the repository. Each row exports conversations from a client that makes
up its answers, without rate limits, to an object store in memory in which each operation takes 40 ms
(``--latency``). ``--s3`` exports to the RADOS Gateway of ``make test-stores`` instead, and counts the
requests that really leave this process, including those that s3fs adds; it needs the environment of
``make test-stores``. The requests that find out whether this server honours conditions, which Amazon's does
not need, are counted apart as ``probe`` and have no latency. ``--all`` adds the year by hour.

The last columns tell whether the store holds the walk: how long the run took after it asked for its last
page, and which part of the requests that a rate limit allowed it sent.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_convexport.export.job import Job, TaskTry
from airflow_provider_convexport.export.run import Export
from airflow_provider_convexport.export.window import Window
from tests.support.counted_store import add_neighbours, counted_store
from tests.support.page_source import PageSource, query_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_convexport.export.dataset.store import Store

START = datetime(2025, 1, 1, tzinfo=UTC)
NEIGHBOURS = 1_000


@dataclass(frozen=True)
class Row:
    """One row of the table.

    :param key: Its name on the command line.
    :param title: Its name in the table.
    :param days: Length of the interval.
    :param records: Number of records.
    :param by: Partitions by ``day`` or ``hour``.
    :param again: Whether the same interval was published before; only the second export is measured.
    :param neighbours: Number of other tasks that have left staged objects.
    :param vendor: The vendor's machine name.
    :param per_second: The vendor's rate limit; ``None`` for none.
    """

    key: str
    title: str
    days: int
    records: int
    by: str = "day"
    again: bool = False
    neighbours: int = 0
    vendor: str = "ada"
    per_second: int | None = None


ROWS = [
    Row("1", "1 day", 1, 20),
    Row("59", "59 days", 59, 59 * 20),
    Row("365", "365 days", 365, 365 * 20),
    Row("hours", "30 days by hour", 30, 720 * 20, "hour"),
    Row("1again", "1 day again", 1, 20, again=True),
    Row("59again", "59 days again", 59, 59 * 20, again=True),
    Row("again", "365 days again, 1,000 neighbours", 365, 365 * 20, again=True, neighbours=NEIGHBOURS),
    Row("limit", "90 days of AgentX at its rate limit", 90, 120_000, vendor="agentx", per_second=3),
    Row("year", "a year by hour, 2 million records", 365, 2_000_000, "hour"),
]
QUICK = ("1", "59", "365", "hours", "1again", "again", "limit")


class Operations:
    """Operations of the store since they were last forgotten."""

    def __init__(self) -> None:
        self.by_kind = Counter[str]()
        self.probes = 0
        self.most_at_once = 0


class MemoryStore:
    """The object store in memory."""

    def __init__(self, latency: float) -> None:
        self._store, self._fs = counted_store()
        self._latency = latency

    def store(self) -> Store:
        return self._store

    @contextlib.contextmanager
    def measured(self) -> Iterator[Operations]:
        found = Operations()
        self._fs.forget()
        self._fs.seconds = self._latency
        yield found
        self._fs.seconds = 0.0
        found.by_kind, found.most_at_once = self._fs.operations, self._fs.most_at_once


class S3Store:
    """A new folder of a bucket on a real server of S3; requests are counted where they leave aiobotocore."""

    _folders = 0

    def __init__(self, latency: float) -> None:
        S3Store._folders += 1
        self._url = f"s3://lake_s3@conversations/benchmark-{S3Store._folders}"
        self._latency = latency

    def store(self) -> Store:
        from airflow_provider_convexport.destination import store_at

        return store_at(self._url)

    @contextlib.contextmanager
    def measured(self) -> Iterator[Operations]:
        from aiobotocore.httpsession import AIOHTTPSession

        found, lock, now, send = Operations(), threading.Lock(), [0], AIOHTTPSession.send

        async def counted(session: Any, request: Any) -> Any:
            if urlsplit(request.url).path.endswith("/probe"):
                found.probes += 1
                return await send(session, request)
            with lock:
                now[0] += 1
                found.by_kind[_s3_kind(request.method, request.url)] += 1
                found.most_at_once = max(found.most_at_once, now[0])
            try:
                await asyncio.sleep(self._latency)
                return await send(session, request)
            finally:
                with lock:
                    now[0] -= 1

        AIOHTTPSession.send = counted
        try:
            yield found
        finally:
            AIOHTTPSession.send = send


def _s3_kind(method: str, url: str) -> str:
    kinds = {"PUT": "put", "HEAD": "head", "DELETE": "delete", "POST": "delete", "GET": "get"}
    return "list" if "list-type=" in url else kinds[method]


def job_of(row: Row, *, run_id: str) -> Job:
    """Return the job of a row."""
    interval = Window(START, START + timedelta(days=row.days))
    return Job(query_of(row.vendor), interval, row.by, task=TaskTry("benchmark", "export", run_id))


class Pace:
    """When pages are asked for: as often as a rate limit allows.

    :param per_second: Requests in any second; ``None`` for any number.
    """

    def __init__(self, per_second: int | None) -> None:
        self._per_second = per_second
        self.moments: list[float] = []
        """Of each request, in seconds of the monotonic clock."""

    def __call__(self) -> None:
        """Wait for the next request's turn; called under a lock."""
        if self._per_second is not None and len(self.moments) >= self._per_second:
            time.sleep(max(self.moments[-self._per_second] + 1 - time.monotonic(), 0))
        self.moments.append(time.monotonic())

    @property
    def share(self) -> float | None:
        """The part of the requests that the limit allowed which were sent; ``None`` without a limit."""
        if self._per_second is None:
            return None
        further = len(self.moments) - self._per_second  # the first ones need not wait
        return further / self._per_second / (self.moments[-1] - self.moments[0])


def export(row: Row, store: Store, *, run_id: str, now: float, pace: Pace) -> int:
    """Export a row's interval; return the number of records."""
    job = job_of(row, run_id=run_id)
    source = PageSource(row.vendor, job.interval, row.records, asked=pace)
    outcome = Export(job, source, store, now=lambda: now).run()
    return sum(each.manifest.records for each in outcome.written)


def measure(row: Row, kind: type[MemoryStore | S3Store], latency: float) -> dict[str, Any]:
    """Export a row and return what it cost."""
    place = kind(latency)
    now = (START + timedelta(days=400)).timestamp()
    export(Row("", "", 1, 20), kind(0.0).store(), run_id="warm-up", now=now, pace=Pace(None))
    if row.again:
        export(row, place.store(), run_id="first", now=now - 86_400, pace=Pace(None))
    add_neighbours(place.store(), row.neighbours)
    store, pace = place.store(), Pace(row.per_second)
    with place.measured() as operations:
        began = time.monotonic()
        records = export(row, store, run_id="measured", now=now, pace=pace)
        ended = time.monotonic()
    assert records == row.records, (records, row.records)
    partitions = row.days * (24 if row.by == "hour" else 1)
    return {
        "row": row.title, "partitions": partitions, "operations": operations.by_kind.total(),
        "per_partition": operations.by_kind.total() / partitions, "wall": ended - began,
        "tail": ended - pace.moments[-1], "share": pace.share,
        "at_once": operations.most_at_once, "probe": operations.probes,
        **operations.by_kind,
    }  # fmt: skip


@contextlib.contextmanager
def s3_server() -> Iterator[None]:
    """Run the real S3 server with an empty bucket, and define its connection."""
    from tests.stores.buckets import S3
    from tests.stores.servers import rados_gateway

    with rados_gateway() as url:
        os.environ.update(S3(url).connections())
        yield


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--latency", type=float, default=40.0, help="milliseconds of each operation")
    parser.add_argument("--s3", action="store_true", help="export to the real S3 server of make test-stores")
    parser.add_argument("--all", action="store_true", help="add 59 days again and the year by hour")
    parser.add_argument("--rows", nargs="*", choices=[row.key for row in ROWS], help="only these rows")
    parser.add_argument("--json", action="store_true", help="print one JSON object a row")
    arguments = parser.parse_args()
    logging.getLogger("airflow_provider_convexport").setLevel(logging.ERROR)
    keys = arguments.rows or ([row.key for row in ROWS] if arguments.all else QUICK)
    if not arguments.json:
        print(_HEAD)
    with s3_server() if arguments.s3 else contextlib.nullcontext():
        for row in ROWS:
            if row.key in keys:
                found = measure(row, S3Store if arguments.s3 else MemoryStore, arguments.latency / 1000)
                print(json.dumps(found) if arguments.json else _line(found), flush=True)


_KINDS = ("put", "get", "head", "list", "delete", "probe")
_HEAD = (
    f"{'run':<35} partitions  operations  per partition  at once   wall (s)  after the last page (s)  "
    "of the limit  kinds"
)


def _line(found: dict[str, Any]) -> str:
    kinds = [f"{found[kind]:,} {kind}" for kind in _KINDS if found.get(kind)]
    share = "" if found["share"] is None else f"{found['share']:.1%}"
    return (
        f"{found['row']:<35} {found['partitions']:>10,} {found['operations']:>11,} "
        f"{found['per_partition']:>14.1f} {found['at_once']:>8} {found['wall']:>10.1f} "
        f"{found['tail']:>24.1f} {share:>13}  {', '.join(kinds)}"
    )


if __name__ == "__main__":
    sys.exit(main())
