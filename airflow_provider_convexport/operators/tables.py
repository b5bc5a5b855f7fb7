"""Makes typed tables of exported records, with one schema for all vendors."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from airflow.sdk import ObjectStoragePath

from airflow_provider_convexport.compat import AirflowSkipException
from airflow_provider_convexport.destination import store_at
from airflow_provider_convexport.errors import ConfigurationError, IncompleteExportError
from airflow_provider_convexport.export.dataset.reader import plain_url
from airflow_provider_convexport.export.window import spanning
from airflow_provider_convexport.hooks.vendors import other_windows
from airflow_provider_convexport.iceberg_catalog import iceberg_target
from airflow_provider_convexport.interval import interval_of, names_interval
from airflow_provider_convexport.log_lines import in_lines
from airflow_provider_convexport.operators.asset_events import AssetEvents
from airflow_provider_convexport.operators.table_facts import (
    TablesFacts,
    facts_of,
    summary_of,
)
from airflow_provider_convexport.operators.task_identity import task_of
from airflow_provider_convexport.operators.trace import trace_of_tables, with_raw, with_tables
from airflow_provider_convexport.operators.traceable import TraceableOperator
from airflow_provider_convexport.tables.build import DEFAULT_TARGET_FILE_BYTES, FileSettings
from airflow_provider_convexport.tables.parquet_target import ParquetTarget
from airflow_provider_convexport.tables.raw import partitions_of_interval, partitions_of_manifests
from airflow_provider_convexport.tables.run import make_tables
from airflow_provider_convexport.tables.schema import TABLES
from airflow_provider_convexport.triggering_events import manifests_of_events

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime, timedelta

    from airflow.sdk import Context

    from airflow_provider_convexport.export.dataset.store import Store
    from airflow_provider_convexport.export.window import Window
    from airflow_provider_convexport.tables.raw import RawPartitions
    from airflow_provider_convexport.tables.target import Target

OnMissing = Literal["fail", "skip"]

_KILLED = "The task was told to end by SIGTERM, so it stopped; partitions that are done stay as they are."
_TIMED_OUT = (
    "The task reached its execution_timeout, so it stopped; partitions that are done stay as they are, and "
    "the next try does the others. If this repeats, raise execution_timeout or use shorter intervals."
)
_ALL_GONE = "No partition that the asset events name is published any more, so there is nothing to do."
_NAMED = 5
"""So many missing partitions are named in a message."""


class ConversationTablesOperator(TraceableOperator):
    """Makes the tables ``conversations`` and ``messages`` of exported records, without asking the vendor.

    For the run's interval it reads the raw partitions that exports have published. Each of them becomes
    exactly one partition of each table that its stream fills. A partition whose raw version is already in the
    table costs one read of its manifest. Whether a run is killed, retried or run twice at once, each
    partition of a table is whole, and made from one raw version.

    :param sources: The raw datasets (templated): what the export operators have as ``destination``, one or a
        list of them, all of one vendor. Each must hold the whole interval.
    :param source_conn_id: Airflow connection of the sources' storage (templated), unless the URLs name it.
    :param destination: Folder of the tables (templated): any URL that ``ObjectStoragePath`` takes, or an
        absolute local path. All vendors may share it. Leave it out for Iceberg.
    :param destination_conn_id: Airflow connection of the destination's storage (templated), unless the URL
        names it.
    :param namespace: Namespace of an Iceberg catalog (templated), such as ``"support"``, instead of
        ``destination``; it is created if there is none. All vendors may share it.
    :param iceberg_conn_id: Airflow connection of that catalog (templated).
    :param interval_start: Explicit start, closed, a datetime or ISO-8601 text with a time zone (templated);
        given together with ``interval_end``.
    :param interval_end: Explicit end, open (templated).
    :param period: Length of one period, for runs that name only an instant or a partition.
    :param on_missing: What to do if a raw partition of the interval is not published: ``"fail"`` fails the
        try before anything is written, ``"skip"`` makes the tables of those that are.
    :param include_raw: Whether the tables have the column ``raw``, which holds the whole record.
    :param target_file_bytes: Size in bytes at which a file is closed and the next one begun.
    :param add_partitions: Send one asset event for each partition that was written, with the partition's key
        (``2026-04-01`` for a day), which triggers partitioned Dags. Needs Airflow 3.3.
    """

    template_fields: Sequence[str] = (
        "sources",
        "source_conn_id",
        "destination",
        "destination_conn_id",
        "namespace",
        "iceberg_conn_id",
        "interval_start",
        "interval_end",
    )
    ui_color = "#f6ecd9"
    killed: ClassVar[str] = _KILLED
    timed_out: ClassVar[str] = _TIMED_OUT

    def __init__(
        self,
        *,
        sources: str | ObjectStoragePath | Sequence[str | ObjectStoragePath],
        source_conn_id: str | None = None,
        destination: str | ObjectStoragePath | None = None,
        destination_conn_id: str | None = None,
        namespace: str | None = None,
        iceberg_conn_id: str = "iceberg_default",
        interval_start: datetime | str | None = None,
        interval_end: datetime | str | None = None,
        period: timedelta | None = None,
        on_missing: OnMissing = "fail",
        include_raw: bool = True,
        target_file_bytes: int = DEFAULT_TARGET_FILE_BYTES,
        add_partitions: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sources = sources
        self.source_conn_id = source_conn_id
        self.destination = destination
        self.destination_conn_id = destination_conn_id
        self.namespace = namespace
        self.iceberg_conn_id = iceberg_conn_id
        self.interval_start = interval_start
        self.interval_end = interval_end
        self.period = period
        self.on_missing = on_missing
        self.include_raw = include_raw
        self.target_file_bytes = target_file_bytes
        self.add_partitions = add_partitions

    def execute(self, context: Context) -> TablesFacts:
        """Make the tables of the run's raw partitions.

        Arguments are checked before anything is read.

        :returns: The facts of the run, which the assets' events carry, too.
        :raises AirflowFailException: if the Dag, a source or the destination is wrong; there is no retry.
        :raises AirflowSkipException: if nothing changed and the task has outlets, or if nothing that the
            asset events name is published any more and ``on_missing`` is ``"skip"``.
        :raises ExportTimeoutError: if the task reaches its ``execution_timeout``; a retry does the rest.
        :raises IncompleteExportError: if a raw partition is missing and ``on_missing`` is ``"fail"``.
        :raises ConvExportError: if a retry may help.
        """
        return self._until_ended(lambda: self._make(context))

    def _make(self, context: Context) -> TablesFacts:
        if self.on_missing not in get_args(OnMissing):
            raise ConfigurationError(
                f"on_missing={self.on_missing!r} is not one of {list(get_args(OnMissing))}."
            )
        settings = FileSettings(self.include_raw, self.target_file_bytes)
        events = AssetEvents.of(context, self.outlets or (), add_partitions=self.add_partitions)
        for table in TABLES.values():
            table.arrow()  # an error without pyarrow
        self.trace = None
        sources, store = self._sources(), self._store()
        self.trace = trace = trace_of_tables(sources, store)
        target = self._target(context, sources, store)

        raw, interval = self._raw_partitions(context, sources)
        vendor = raw.vendor
        self.trace = trace = with_raw(trace, raw.found, interval)
        self._tell_of_missing(raw)
        with target as opened:
            outcome = make_tables(raw.found, opened, settings, other_windows=other_windows)
        self.trace = with_tables(trace, outcome, include_raw=self.include_raw, destination=store)

        facts = facts_of(vendor, interval, outcome)
        self.log.info("%s", in_lines(summary_of(facts)))
        events.send(facts, keys=sorted({each.key.key for each in outcome.written}))
        return facts

    def _store(self) -> Store | None:
        """Return the folder of the tables; ``None`` if they are in a catalog."""
        if (self.destination is None) == (self.namespace is None):
            raise ConfigurationError(
                "Tables need either destination=, a folder for Parquet files, or namespace=, a namespace of "
                "an Iceberg catalog; write one of them."
            )
        if self.destination is None:
            return None
        return store_at(self.destination, conn_id=self.destination_conn_id)

    def _target(
        self, context: Context, sources: Iterable[Store], store: Store | None
    ) -> AbstractContextManager[Target]:
        """Return where the tables are; nothing of them is read."""
        task = task_of(context, self)
        if store is None:
            return iceberg_target(self.iceberg_conn_id, str(self.namespace), task)
        _check_apart(store, sources)
        return nullcontext(ParquetTarget(store, task, time.time))

    def _sources(self) -> list[Store]:
        sources = self.sources
        given = [sources] if isinstance(sources, (str, ObjectStoragePath)) else sources
        if not isinstance(given, Iterable) or isinstance(given, (bytes, Mapping)) or not list(given):
            raise ConfigurationError(
                f"sources={sources!r} names no raw dataset; write the destination of an export, or a list."
            )
        stores = {}
        for source in given:
            if not isinstance(source, (str, ObjectStoragePath)):
                raise ConfigurationError(
                    f"sources={sources!r} holds {source!r}, which is neither text nor an ObjectStoragePath; "
                    "write the destinations of exports."
                )
            store = store_at(source, conn_id=self.source_conn_id)
            stores[plain_url(store.url).rstrip("/")] = store
        return list(stores.values())

    def _raw_partitions(self, context: Context, sources: list[Store]) -> tuple[RawPartitions, Window]:
        """Return the run's raw partitions and its interval."""
        start, end = self.interval_start, self.interval_end
        if not names_interval(context, interval_start=start, interval_end=end):
            raw = partitions_of_manifests(sources, manifests_of_events(context))
            if raw.found:
                return raw, spanning(each.manifest.partition.window for each in raw.found)
            if raw.missing:
                self._tell_of_missing(raw)
                raise AirflowSkipException(_ALL_GONE)
        interval = interval_of(context, interval_start=start, interval_end=end, period=self.period)
        self.log.info("Reading the raw partitions of %s.", interval)
        return partitions_of_interval(sources, interval), interval

    def _tell_of_missing(self, raw: RawPartitions) -> None:
        """Log what is missing.

        :raises IncompleteExportError: if that is not allowed.
        """
        if not raw.missing:
            return
        more = f" and {len(raw.missing) - _NAMED} more" if len(raw.missing) > _NAMED else ""
        problem = f"Raw partitions are missing: {'; '.join(raw.missing[:_NAMED])}{more}."
        if self.on_missing == "fail":
            raise IncompleteExportError(
                f"{problem} Export them first, or pass on_missing='skip' to make tables of those that exist."
            )
        self.log.warning("%s", in_lines(problem))


def _check_apart(store: Store, sources: Iterable[Store]) -> None:
    """Check that a destination of tables is apart from the raw datasets.

    :raises ConfigurationError: if tables would lie among records, or records lie among tables.
    """
    destination = plain_url(store.url).rstrip("/")
    for source in (plain_url(each.url).rstrip("/") for each in sources):
        if f"{destination}/".startswith(f"{source}/"):
            raise ConfigurationError(
                f"destination={destination!r} lies in the source {source!r}; choose a folder outside of all "
                "sources."
            )
        for folder in (f"{destination}/{table}/" for table in TABLES):
            if folder.startswith(f"{source}/") or f"{source}/".startswith(folder):
                raise ConfigurationError(
                    f"destination={destination!r} has its tables in {folder!r}, where the source {source!r} "
                    "lies, too; choose another folder for the tables."
                )
