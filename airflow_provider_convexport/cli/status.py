"""The command ``airflow convexport status``: what is published under a destination, and what is missing."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.cli.console import as_json, console_command
from airflow_provider_convexport.cli.coverage import coverage_of
from airflow_provider_convexport.cli.options import scope_of
from airflow_provider_convexport.cli.progress import progress_bar
from airflow_provider_convexport.cli.staging import (
    old_staging,
    staging_age,
    staging_lines,
    staging_values,
)
from airflow_provider_convexport.cli.window_sets import clip_to, gaps, union
from airflow_provider_convexport.cli.words import all_bounds, bounds, calendar, counted, list_of, named_values
from airflow_provider_convexport.destination import store_at
from airflow_provider_convexport.export.window import Window

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence

    from airflow_provider_convexport.cli.coverage import Dataset

LEGEND = (
    "#  records    .  no records    -  not published    ~  partly published    !  published more than once"
)
"""Meaning of a calendar's characters."""

_DAY = timedelta(days=1)


@console_command
def status(options: argparse.Namespace) -> str:
    """Return what is published under a destination and which staging is old, as text or as JSON.

    :raises ConfigurationError: if the destination or an option cannot be used.
    """
    age = staging_age(options.staging_age)
    scope = scope_of(options.scope, conn_id=None)
    store = store_at(options.destination, conn_id=options.destination_conn_id)
    with progress_bar() as progress:
        progress.begin("Listing what is published")
        names = store.find("")
        datasets = coverage_of(store, names, scope=scope, progress=progress)
        progress.begin("Looking for old staging")
        staging = old_staging(store, names, age=age, sweeps=options.sweep_staging)
    if options.output == "json":
        return as_json({"datasets": coverage_values(datasets), "staging": staging_values(staging)})
    lines = "\n".join(staging_lines(staging))
    return "\n\n".join(filter(None, [coverage_text(datasets, store.url), lines]))


def coverage_text(datasets: Sequence[Dataset], url: str) -> str:
    """Return a calendar and sentences for each dataset.

    :param url: The destination that the datasets lie under.
    """
    if not datasets:
        return f"Nothing is published under {url}."
    blocks = ["\n".join(_dataset_lines(dataset)) for dataset in datasets]
    return "\n\n".join([*blocks, LEGEND])


def coverage_values(datasets: Iterable[Dataset]) -> list[dict[str, Any]]:
    """Return the datasets as JSON values; spans of time are half-open pairs of ISO-8601 texts in UTC."""
    return [_dataset_values(dataset) for dataset in datasets]


def _dataset_lines(dataset: Dataset) -> Iterator[str]:
    key = dataset.key
    folder = f"{key.folder}: " if key.folder else ""
    selection = named_values({**dataset.scope, **dataset.filters})
    yield f"{folder}{key.vendor} {key.stream} by {key.window_on}{selection}"
    yield ""
    yield from calendar(day_marks(dataset))
    yield ""
    yield (
        f"{counted(len(dataset.partitions), 'partition')}, {dataset.span}, with "
        f"{counted(dataset.records, 'record')} in {counted(dataset.bytes, 'byte')}."
    )
    yield f"Not published: {list_of(dataset.gaps)}. No records: {list_of(dataset.empty)}."
    if dataset.overlaps:
        yield f"Published more than once: {list_of(dataset.overlaps)}."
    if dataset.expired:
        yield f"No longer kept by the vendor when exported: {list_of(dataset.expired)}."


def _dataset_values(dataset: Dataset) -> dict[str, Any]:
    key = dataset.key
    return {
        "folder": key.folder,
        "vendor": key.vendor,
        "stream": key.stream,
        "scope": dataset.scope,
        "filters": dataset.filters,
        "window_on": key.window_on,
        "span": bounds(dataset.span),
        "partitions": len(dataset.partitions),
        "records": dataset.records,
        "bytes": dataset.bytes,
        "gaps": all_bounds(dataset.gaps),
        "empty": all_bounds(dataset.empty),
        "overlaps": all_bounds(dataset.overlaps),
        "expired": all_bounds(dataset.expired),
        "days": {f"{day:%Y-%m-%d}": mark for day, mark in day_marks(dataset)},
    }


def day_marks(dataset: Dataset) -> Iterator[tuple[date, str]]:
    """Yield every UTC day from the dataset's first to its last one with its character of `LEGEND`."""
    span, overlapping = dataset.span, dataset.overlaps
    # Joined once: a year of hours has thousands of partitions, and each day is compared with all of them.
    covered = union(dataset.windows)
    with_records = union(each.covers for each in dataset.partitions if each.records)
    midnight = span.start.replace(hour=0, minute=0, second=0, microsecond=0)
    while midnight < span.end:
        day = Window(midnight, midnight + _DAY)
        yield midnight.date(), _mark(day, covered=covered, overlapping=overlapping, with_records=with_records)
        midnight += _DAY


def _mark(
    day: Window, *, covered: Iterable[Window], overlapping: Iterable[Window], with_records: Iterable[Window]
) -> str:
    if clip_to(day, overlapping):
        return "!"
    missing = sum((gap.length for gap in gaps(day, covered)), timedelta(0))
    if missing:
        return "-" if missing == day.length else "~"
    return "#" if clip_to(day, with_records) else "."
