"""Reads records one by one for the hooks' methods; `Export` exports them to storage."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from airflow_provider_convexport.export.dataset.partition import PartitionGrid
from airflow_provider_convexport.export.fetch.pages import paginate
from airflow_provider_convexport.export.fetch.window_evidence import WindowContradictedError, check_page
from airflow_provider_convexport.export.stage.dedup import RecentIds
from airflow_provider_convexport.export.stage.partitioner import Partitioner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import msgspec

    from airflow_provider_convexport.export.fetch.client import Client
    from airflow_provider_convexport.export.fetch.stream import Query
    from airflow_provider_convexport.export.fetch.window_reading import WindowReading
    from airflow_provider_convexport.export.window import Window


def decided_records(reading: WindowReading, query: Query, interval: Window) -> Iterator[msgspec.Raw]:
    """Yield the raw bytes of each record of ``interval`` exactly once, by the proven ``window_on``.

    :raises ConfigurationError: if the query states another ``window_on``.
    :raises IncompleteExportError: if a record disproves the ``window_on``; the records until then are not
        those of the interval, and the next call uses the right one.
    """
    try:
        yield from records(reading.client, reading.decide(query, interval), interval, now=reading.now)
    except WindowContradictedError as error:
        reading.correct(query, interval, error)
        raise


def records(
    client: Client, query: Query, interval: Window, *, now: Callable[[], float] = time.time
) -> Iterator[msgspec.Raw]:
    """Yield the raw bytes of each record of ``interval`` exactly once, page by page.

    Deduplication keeps all ids in memory, about 100 bytes for each.

    :raises WindowContradictedError: if a record disproves the query's ``window_on``.
    """
    requested_at = now()
    grid = PartitionGrid(interval, "interval", query.scope)
    partitioner = Partitioner(grid, recent=RecentIds(capacity=sys.maxsize))
    for window in query.windows(interval):
        for fetched in paginate(client, query, start=query.first_request(window)):
            check_page(query, fetched.page, window, requested_at=requested_at)
            for batch in partitioner.take(fetched.page, window):
                yield from batch.raws
