"""Makes the reports on a destination's datasets: each with its vendor's lag and its own time zone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from airflow_provider_convexport.cli.expected import Report
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.dataset.identity import DATASET, read_dataset
from airflow_provider_convexport.export.window import zone_of
from airflow_provider_convexport.hooks.vendors import stream_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from airflow_provider_convexport.cli.datasets import Dataset, DatasetKey
    from airflow_provider_convexport.cli.expected import AskedDays
    from airflow_provider_convexport.export.dataset.store import Store

_UTC = ZoneInfo("UTC")


def reports_of(
    store: Store, names: Collection[str], datasets: Sequence[Dataset], asked: AskedDays, now: datetime
) -> list[Report]:
    """Return a report for each dataset; costs one small read for each folder that says which zone it has.

    :param store: The destination, or a folder above several of them.
    :param names: Names of all objects below the store's root.
    :param datasets: What is published.
    :param asked: The days to report on.
    :param now: The current time, UTC.
    """
    described = {name for name in names if name.rpartition("/")[2] == DATASET}
    zones: dict[str, ZoneInfo] = {}
    reports = []
    for dataset in datasets:
        root = root_of(dataset.key)
        if root not in zones:
            zones[root] = _zone(store, root) if _in(root, DATASET) in described else _UTC
        reports.append(Report(dataset, settle_of(dataset.key), zones[root], asked, now))
    return reports


def settle_of(key: DatasetKey) -> timedelta:
    """Return how long after its end the vendor may add records to a span; zero if nothing is known of it."""
    try:
        return stream_of(key.vendor, key.stream).settle
    except ConfigurationError:
        return timedelta(0)  # written by a version that knows another vendor


def root_of(key: DatasetKey) -> str:
    """Return the destination of the operator: the folder without those of the shop or bot."""
    parts = key.folder.split("/")
    return "/".join(parts[: len(parts) - len(key.scope)])


def _zone(store: Store, root: str) -> ZoneInfo:
    try:
        dataset = read_dataset(replace(store, root=f"{store.root}/{root}", url=store.url_of(root)))
    except ConfigurationError:
        return _UTC  # the tasks that write there say what is wrong with it
    if dataset is None:
        return _UTC
    return zone_of(dataset.partition_timezone, argument="partition_timezone")


def _in(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
