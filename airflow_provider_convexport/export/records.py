"""Reads records one by one for the hooks' methods; `Export` exports them to storage."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from airflow_provider_convexport.export.dataset.partition import PartitionGrid
from airflow_provider_convexport.export.fetch.pages import paginate
from airflow_provider_convexport.export.stage.dedup import RecentIds
from airflow_provider_convexport.export.stage.partitioner import Partitioner

if TYPE_CHECKING:
    from collections.abc import Iterator

    import msgspec

    from airflow_provider_convexport.export.fetch.client import Client
    from airflow_provider_convexport.export.fetch.stream import Query
    from airflow_provider_convexport.export.window import Window


def records(client: Client, query: Query, interval: Window) -> Iterator[msgspec.Raw]:
    """Yield the raw bytes of each record of ``interval`` exactly once, page by page.

    Deduplication keeps all ids in memory, about 100 bytes for each.
    """
    grid = PartitionGrid(interval, "interval", query.scope)
    partitioner = Partitioner(query.stream, grid, recent=RecentIds(capacity=sys.maxsize))
    for window in query.windows(interval):
        for fetched in paginate(client, query, start=query.first_request(window)):
            for batch in partitioner.take(fetched.page, window):
                yield from batch.raws
