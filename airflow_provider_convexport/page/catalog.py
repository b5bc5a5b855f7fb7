"""All datasets that events tell of: which tasks feed them, what is published, and how to fill a gap."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import time
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.hooks.vendors import hook_of, stream_of
from airflow_provider_convexport.page import events as database
from airflow_provider_convexport.page.cover import Commit, Piece
from airflow_provider_convexport.page.extra import DamagedEventError, decoded, key_of, moment
from airflow_provider_convexport.page.model import Dataset, add_audit, add_export

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.orm import Session

    from airflow_provider_convexport.page.events import EventRow, Planned, Source
    from airflow_provider_convexport.page.extra import DatasetKey, Extra

log = logging.getLogger(__name__)

_RECENT = 400 * 86_400
"""Seconds in which planned runs are looked for if all events are read."""


class TablesFed(NamedTuple):
    """The newest event of a task that makes tables."""

    source: Source
    extra: Extra


@dataclass(slots=True)
class Catalog:
    """What events tell of.

    :param datasets: The datasets by their ids.
    :param feeds: The tasks that export to each dataset, by its id, the newest event last.
    :param tables: The tasks that make tables.
    :param damaged: Number of events that look like those of this package and cannot be read.
    """

    datasets: dict[str, Dataset] = field(default_factory=dict)
    feeds: dict[str, list[tuple[Source, Extra]]] = field(default_factory=lambda: defaultdict(list))
    tables: list[TablesFed] = field(default_factory=list)
    damaged: int = 0
    _assets: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    def at(self, root: str) -> set[str]:
        """Return the ids of the datasets at a destination, one for each shop or bot."""
        return {name for name, found in self.datasets.items() if found.key.dataset == root.rstrip("/")}

    def dataset(self, key: DatasetKey) -> Dataset:
        """Return the dataset with a key, a new one without days if there is none."""
        name = id_of(key)
        if name not in self.datasets:
            self.datasets[name] = Dataset(
                key, settle=_settle(key.vendor, key.stream), history=_history(key.vendor, key.stream)
            )
        return self.datasets[name]


def read_catalog(session: Session, *, since: float | None, only: str | None = None) -> Catalog:
    """Return what events and failed audits tell of, with four queries.

    :param since: Epoch seconds of the first event to read; the newest of each task is read in any case.
    :param only: Id of the dataset whose days are read; ``None`` for all.
    """
    catalog = Catalog()
    planned = database.planned(session, since=time.time() - _RECENT if since is None else since)
    for source in database.sources(session):
        _add_source(catalog, source, planned)
    # A task whose newest event is about another shop may have sent events about this one before.
    known = catalog._assets if only is None or only not in catalog._assets else {only: catalog._assets[only]}
    assets = {asset for found in known.values() for asset in found}
    if assets:
        _add_events(catalog, database.events(session, assets, since=since), only)
        _add_failed_audits(catalog, database.failed_audits(session, since=since), only)
    return catalog


@lru_cache(maxsize=4096)
def id_of(key: DatasetKey) -> str:
    """Return a short id of a dataset for addresses of pages."""
    return hashlib.sha256(repr(tuple(key)).encode()).hexdigest()[:16]


def _add_source(
    catalog: Catalog, source: Source, planned: Mapping[tuple[int, str, str, int], Planned]
) -> None:
    try:
        extra = decoded(source.text)
    except DamagedEventError:
        return  # counted where all events are read
    if extra is None:
        return
    if extra.tables is not None:
        catalog.tables.append(TablesFed(source, extra))
        return
    key = key_of(extra)
    if key is None:
        return
    catalog.dataset(key)
    catalog._assets[id_of(key)].add(source.asset_id)
    if extra.is_export:
        catalog.feeds[id_of(key)].append(_with_plan(source, extra, planned))


def _with_plan(
    source: Source, extra: Extra, planned: Mapping[tuple[int, str, str, int], Planned]
) -> tuple[Source, Extra]:
    """Return a task with its newest planned run and what that exported; else with its newest event."""
    plan = planned.get((source.asset_id, source.dag_id, source.task_id, source.map_index))
    if plan is not None:
        with contextlib.suppress(DamagedEventError):
            exported = decoded(plan.text)
            if exported is not None and exported.is_export:
                return source._replace(run_start=plan.start, run_end=plan.end), exported
    return source, extra


def _add_events(catalog: Catalog, rows: Iterable[EventRow], only: str | None) -> None:
    for row in rows:
        try:
            extra = decoded(row.text)
            key = None if extra is None else key_of(extra)
            if extra is None or key is None or (only is not None and id_of(key) != only):
                continue
            _add_event(catalog.dataset(key), row, extra)
        except (DamagedEventError, ValueError, OverflowError, KeyError, OSError):
            # The content is not logged: whoever wrote the event may have put anything there.
            log.warning(
                "The extra of the asset event %s cannot be read; the coverage page leaves it out.", row.id
            )
            catalog.damaged += 1


def _add_failed_audits(catalog: Catalog, rows: Iterable[EventRow], only: str | None) -> None:
    """Add what audits have left that failed their tasks, of datasets that events tell of."""
    for row in rows:
        try:
            extra = decoded(row.text)
            key = None if extra is None else key_of(extra)
            if extra is None or extra.audit is None or key is None:
                continue
            if id_of(key) in catalog.datasets and only in (None, id_of(key)):
                add_audit(catalog.dataset(key), extra, row.at)
        except (DamagedEventError, ValueError):
            log.warning(
                "An XCom of %s.%s in %s cannot be read; the coverage page leaves it out.",
                row.dag_id,
                row.task_id,
                row.run_id,
            )


def _add_event(dataset: Dataset, row: EventRow, extra: Extra) -> None:
    if extra.audit is not None:
        add_audit(dataset, extra, row.at)
    elif extra.interval is not None and extra.tables is None:
        commit = Commit(
            row.id,
            row.at,
            row.dag_id,
            row.task_id,
            row.run_id,
            row.map_index,
            extra.requests,
            extra.duplicates,
            extra.outside_interval,
            extra.waited,
            extra.interval,
        )
        add_export(dataset, extra, commit, Piece)


def due_until(feeds: Iterable[tuple[Source, Extra]]) -> int | None:
    """Return the moment up to which a dataset's Dags have created runs; ``None`` if that is not known.

    A task that exports the days before its run's interval lags behind it by as much as in its newest run.
    """
    found = [
        source.next_start - max(source.run_end - moment(extra.interval[1]), 0)
        for source, extra in feeds
        if source.next_start is not None and source.run_end is not None and extra.interval is not None
    ]
    return int(max(found)) if found else None


@lru_cache(maxsize=256)
def _settle(vendor: str, stream: str) -> int:
    try:
        return round(stream_of(vendor, stream).settle.total_seconds())
    except ConfigurationError:
        return 0


@lru_cache(maxsize=256)
def _history(vendor: str, stream: str) -> int | None:
    try:
        history = stream_of(vendor, stream).history
    except ConfigurationError:
        return None
    return None if history is None else round(history.total_seconds())


@lru_cache(maxsize=256)
def title_of(vendor: str) -> str:
    """Return a vendor's name for people; an unknown one stays as it is."""
    try:
        return hook_of(vendor).title
    except ConfigurationError:
        return vendor


@lru_cache(maxsize=256)
def slots_of(vendor: str) -> int:
    """Return the recommended number of concurrent exports of a vendor; one for an unknown vendor."""
    try:
        return hook_of(vendor).pool_slots
    except ConfigurationError:
        return 1
