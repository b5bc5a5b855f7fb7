"""Compares a dataset's events with the manifests at its destination, when somebody asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_convexport.cli.coverage import read_coverage
from airflow_provider_convexport.compat import server_context
from airflow_provider_convexport.destination import store_at
from airflow_provider_convexport.errors import ConvExportError
from airflow_provider_convexport.page.cover import cover_of, without
from airflow_provider_convexport.page.gaps import days_command
from airflow_provider_convexport.page.model import stretches

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from airflow_provider_convexport.page.events import Source
    from airflow_provider_convexport.page.extra import Extra
    from airflow_provider_convexport.page.model import Dataset


class Looked(NamedTuple):
    """What the manifests at a destination say.

    :param missing: Stretches of days that events say were published and no manifest covers, with the command
        that exports them again.
    :param partitions: Number of manifests.
    :param problem: Why they cannot be read, in a sentence; empty if they can.
    """

    missing: list[tuple[date, date, str]]
    partitions: int
    problem: str


def look_at(dataset: Dataset, days: Sequence[date], feeds: Sequence[tuple[Source, Extra]]) -> Looked:
    """Read the manifests of a dataset.

    :param days: The days to compare.
    :param feeds: The tasks that export to it.
    """
    try:
        with server_context():
            found = read_coverage(store_at(dataset.key.dataset), scope=dict(dataset.key.scope))
    except ConvExportError as error:
        return Looked([], 0, str(error))
    spans = [
        (int(window.start.timestamp()), int(window.end.timestamp()))
        for each in found
        if (each.key.vendor, each.key.stream) == (dataset.key.vendor, dataset.key.stream)
        for window in each.windows
    ]
    gone = [day for day in days if _is_gone(dataset, day.toordinal(), spans)]
    missing = [(first, last, days_command(dataset, first, last, feeds)) for first, last in stretches(gone)]
    return Looked(missing, sum(len(each.partitions) for each in found), "")


def _is_gone(dataset: Dataset, day: int, spans: list[tuple[int, int]]) -> bool:
    start, end = dataset.bounds(day)
    if not cover_of(dataset.days.get(day, []), start, end).is_whole:
        return False
    left = [(start, end)]
    for first, last in spans:
        left = without(left, first, last)
    return bool(left)
