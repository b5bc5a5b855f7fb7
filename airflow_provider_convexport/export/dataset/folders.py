"""What the names of partitions' folders say, before any manifest is read."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

from airflow_provider_convexport.export.dataset.manifest import MANIFEST
from airflow_provider_convexport.export.dataset.partition import scope_folders
from airflow_provider_convexport.export.dataset.store import STAGING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_provider_convexport.export.dataset.partition import PartitionBy
    from airflow_provider_convexport.export.dataset.store import Store
    from airflow_provider_convexport.export.window import Window

READERS = 64
"""Manifests that are read concurrently; each is a small object."""

_PARTITION = re.compile(
    r"(?:^|/)((?:dt=(?P<day>\d{4}-\d\d-\d\d)(?P<hour>/hour=[^/]+)?)|(?:interval_start=(?P<start>\d{8})[^/]*))$"
)
_ZONES = 2
"""The days of any time zone lie within the same days of UTC, extended by so many days at both ends."""


def readers_of(store: Store) -> int:
    """Return how many manifests are read concurrently; a disk answers faster than a thread starts."""
    return 1 if store.is_local else READERS


def manifest_folders(names: Iterable[str]) -> list[str]:
    """Return the folders of published partitions, in the order of a listing.

    :param names: Names of all objects below a root.
    """
    parts = (name.rpartition("/") for name in names)
    return [folder for folder, _, last in parts if last == MANIFEST and STAGING not in folder.split("/")]


def dataset_of(folder: str) -> str:
    """Return a partition's folder without the part that names the partition; it includes the scope's."""
    return _PARTITION.sub("", folder)


def name_of(folder: str) -> str | None:
    """Return the part of a partition's folder that names the partition, such as ``dt=2026-04-01/hour=05``.

    :returns: ``None`` if the folder is not named as a partition's is.
    """
    name = _PARTITION.search(folder)
    return None if name is None else name[1]


def day_of(folder: str) -> date | None:
    """Return the day that a partition's folder names; ``None`` if it names an interval, or no day."""
    name = _PARTITION.search(folder)
    try:
        return None if name is None or name["day"] is None else date.fromisoformat(name["day"])
    except ValueError:  # somebody else's folder
        return None


def kind_of(folder: str) -> PartitionBy:
    """Return what the partition of a folder is, as far as its name says; an unknown one is an interval."""
    name = _PARTITION.search(folder)
    if name is None or name["start"]:
        return "interval"
    return "hour" if name["hour"] else "day"


def root_of(folder: str, scope: Mapping[str, str]) -> str:
    """Return the folder of a partition's whole dataset: `dataset_of` without the folders of the scope."""
    parts, own = dataset_of(folder).split("/"), set(scope_folders(scope))
    while parts and parts[-1] in own:
        parts.pop()
    return "/".join(parts)


def is_of(folder: str, scope: Mapping[str, str]) -> bool:
    """Return whether a partition's folder is that of a shop or bot; in any order of the scope's folders."""
    wanted = set(scope_folders(scope))
    return not wanted or set(dataset_of(folder).split("/")[-len(wanted) :]) == wanted


def may_overlap(folder: str, span: Window) -> bool:
    """Return whether a partition may overlap a span, as far as its folder's name says."""
    name = _PARTITION.search(folder)
    if name is None:
        return True
    try:
        day = date.fromisoformat(name["day"] or name["start"])
    except ValueError:
        return True  # somebody else's folder; its manifest says more
    if (day - span.end.date()).days > _ZONES:
        return False
    # How long the partition of an interval is, its name does not say.
    return name["day"] is None or (span.start.date() - day).days <= _ZONES
