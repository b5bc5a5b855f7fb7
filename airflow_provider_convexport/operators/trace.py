"""What a task has read and written, which its links and OpenLineage tell of; nothing here asks anybody."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from airflow_provider_convexport.export.dataset.reader import plain_url
from airflow_provider_convexport.operators.store_pages import page_of
from airflow_provider_convexport.tables.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_provider_convexport.audit.run import AuditOutcome
    from airflow_provider_convexport.export.dataset.reader import PublishedPartition
    from airflow_provider_convexport.export.dataset.store import Store
    from airflow_provider_convexport.export.job import Job
    from airflow_provider_convexport.export.outcome import Outcome
    from airflow_provider_convexport.export.window import Window
    from airflow_provider_convexport.tables.run import TablesOutcome
    from airflow_provider_convexport.tables.target import CatalogFacts, WrittenPartition

_S3 = ("s3", "s3a", "s3n")
_GOOGLE = ("gs", "gcs")
_AZURE = ("abfs", "abfss", "adl")


@dataclass(frozen=True, slots=True)
class Name:
    """Name of a dataset in OpenLineage's notation.

    :param namespace: Where it is, such as ``s3://bucket`` or ``https://acme.ada.support``.
    :param name: What it is called there, such as ``raw/ada/conversations``.
    """

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Part:
    """A partition of a dataset.

    :param key: Its key in Airflow, such as ``2026-04-01``.
    :param values: What it stands for, by name: ``{"dt": "2026-04-01"}``.
    """

    key: str
    values: Mapping[str, str]


class Check(NamedTuple):
    """A check of a dataset: counts, never content of records.

    :param name: Its name.
    :param holds: Whether nothing was found that fails it.
    :param expected: What should have been found; ``None`` if there is no expectation.
    :param found: What was found.
    """

    name: str
    holds: bool
    expected: object
    found: object


@dataclass(frozen=True, slots=True)
class Read:
    """A dataset that a task has read.

    :param name: Its name.
    :param parts: The partitions that were read; none if all of it was, or if it has none.
    :param checks: What was checked of these partitions.
    :param fails: Whether a check that does not hold fails the task.
    """

    name: Name
    parts: tuple[Part, ...] = ()
    checks: tuple[Check, ...] = ()
    fails: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """A dataset that a task has written to.

    :param name: Its name.
    :param parts: The partitions that were written.
    :param version: The commit of the newest of them, or the id of the table's snapshot.
    :param records: Number of records or rows in them.
    :param bytes: Size of their files.
    :param files: Number of their files.
    :param is_overwrite: Whether one of them held another version before.
    :param columns: The columns as name, type and meaning; none for records as the vendor sent them.
    :param table: The table's name in ``catalog``; empty if there is none.
    :param catalog: The catalog that the table is in.
    """

    name: Name
    parts: tuple[Part, ...]
    version: str
    records: int
    bytes: int
    files: int
    is_overwrite: bool
    columns: tuple[tuple[str, str, str], ...] = ()
    table: str = ""
    catalog: CatalogFacts | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """What is known of a try, from when its arguments are checked.

    :param reads: What it reads.
    :param writes: What it has published; nothing as long as it has published nothing.
    :param dataset: URL of the dataset's root, without the id of a connection; empty if there is none.
    :param days: First and last day of the try's partitions as ISO-8601 text, both inclusive.
    :param store_page: Address of the dataset in the console of its cloud; empty if that is not known.
    """

    reads: tuple[Read, ...]
    writes: tuple[Written, ...] = ()
    dataset: str = ""
    days: tuple[str, str] = field(default=("", ""))
    store_page: str = ""


def trace_of_export(job: Job, address: str, store: Store) -> Trace:
    """Return the trace of an export that has published nothing yet.

    :param job: The export.
    :param address: Address of the vendor, as the connection says it.
    :param store: The destination.
    """
    grid = job.grid()
    days = grid.key_of(0)[:10], grid.key_of(grid.count - 1)[:10]
    name = endpoint_name(address, job.query.stream.path)
    return Trace((Read(name),), (), plain_url(store.url), days, page_of(store))


def with_outcome(trace: Trace, store: Store, outcome: Outcome) -> Trace:
    """Return the trace of an export when it has published its partitions."""
    if not outcome.written:
        return trace
    newest = max(outcome.written, key=lambda each: each.manifest.committed_at)
    written = Written(
        name=dataset_name(dataset_url(store)),
        parts=tuple(Part(each.key, _values(each.url, store)) for each in outcome.written),
        version=newest.manifest.commit,
        records=outcome.records,
        bytes=outcome.bytes,
        files=outcome.files,
        is_overwrite=bool(outcome.replaced),
    )
    return replace(trace, writes=(written,))


def trace_of_tables(sources: Iterable[Store], destination: Store | None) -> Trace:
    """Return the trace of tables of which nothing is made yet.

    :param sources: The raw datasets.
    :param destination: The folder of the tables; ``None`` if they are in a catalog.
    """
    reads = tuple(Read(dataset_name(dataset_url(store))) for store in sources)
    if destination is None:
        return Trace(reads)
    return Trace(reads, dataset=plain_url(destination.url), store_page=page_of(destination))


def trace_of_audit(store: Store, interval: Window) -> Trace:
    """Return the trace of an audit that has not looked yet.

    :param store: The dataset that is audited.
    :param interval: The run's interval; its days are those of UTC.
    """
    return Trace(
        (Read(dataset_name(dataset_url(store))),),
        dataset=plain_url(store.url),
        days=_days_of(interval),
        store_page=page_of(store),
    )


def with_audit(trace: Trace, outcome: AuditOutcome, *, fails: bool) -> Trace:
    """Return the trace of an audit: a check holds if no partition has a gap in it.

    :param fails: Whether gaps fail the task.
    """
    gaps: dict[str, int] = {}
    for each in outcome.audited:
        for name, result in each.audit.checks.items():
            gaps[name] = gaps.get(name, 0) + result.late + result.missing
    (read,) = trace.reads
    parts = tuple(_part_of(each.partition) for each in outcome.audited)
    checks = tuple(Check(name, count == 0, 0, count) for name, count in gaps.items())
    return replace(trace, reads=(replace(read, parts=parts, checks=checks, fails=fails),))


def with_raw(trace: Trace, found: Sequence[PublishedPartition], interval: Window) -> Trace:
    """Return the trace of tables when their raw partitions are known.

    :param found: The raw partitions.
    :param interval: The run's interval; its days are those of UTC.
    """
    parts: dict[Name, list[Part]] = {each.name: [] for each in trace.reads}
    for partition in found:
        parts.setdefault(dataset_name(dataset_url(partition.store)), []).append(_part_of(partition))
    return replace(
        trace,
        reads=tuple(Read(name, tuple(each)) for name, each in parts.items()),
        days=_days_of(interval),
    )


def _part_of(partition: PublishedPartition) -> Part:
    values = _values(partition.url, partition.store)
    start = partition.manifest.partition.start.removesuffix("Z")
    return Part(start if "hour" in values else values.get("dt", start), values)


def _days_of(interval: Window) -> tuple[str, str]:
    last = interval.end - timedelta(microseconds=1)
    return f"{interval.start:%Y-%m-%d}", f"{last:%Y-%m-%d}"


def with_tables(
    trace: Trace, outcome: TablesOutcome, *, include_raw: bool, destination: Store | None
) -> Trace:
    """Return the trace of tables when they are made: one dataset for each table that was written to."""
    by_table: dict[str, list[WrittenPartition]] = {}
    for each in outcome.written:
        by_table.setdefault(each.key.table, []).append(each)
    return replace(
        trace,
        writes=tuple(
            _table(table, each, outcome.catalog, destination, include_raw=include_raw)
            for table, each in by_table.items()
        ),
    )


def _table(
    table: str,
    written: Sequence[WrittenPartition],
    catalog: CatalogFacts | None,
    destination: Store | None,
    *,
    include_raw: bool,
) -> Written:
    newest = max(written, key=lambda each: each.key.partition.start)
    schema = TABLES[table].arrow(include_raw=include_raw)
    meanings = {column.name: column.meaning for column in TABLES[table].columns}
    url = newest.root if destination is None else dataset_url(destination, table)
    return Written(
        name=dataset_name(url),
        parts=tuple(Part(each.key.key, _columns_of(each)) for each in written),
        version=newest.version,
        records=sum(each.rows for each in written),
        bytes=sum(each.bytes for each in written),
        files=sum(each.files for each in written),
        is_overwrite=any(each.is_replacement for each in written),
        columns=tuple((each.name, str(each.type), meanings[each.name]) for each in schema),
        table="" if catalog is None else f"{catalog.namespace}.{table}",
        catalog=catalog,
    )


def _columns_of(written: WrittenPartition) -> dict[str, str]:
    """Return the partition columns that tell a partition of a table apart."""
    key = written.key
    return {
        "vendor": key.vendor,
        "scope": key.scope_text,
        "window_on": key.window_on,
        "partition_date": key.date.isoformat(),
    }


def _values(url: str, store: Store) -> dict[str, str]:
    """Return what the folders of a partition say: ``{"bot_name": "x", "dt": "2026-04-01"}``."""
    folders = url.removeprefix(store.url.rstrip("/")).split("/")
    pairs = (folder.partition("=") for folder in folders if "=" in folder)
    return {name: unquote(value) for name, _, value in pairs}


def endpoint_name(address: str, path: str) -> Name:
    """Return the name of a vendor's endpoint: scheme and host of the connection, and the path.

    :param address: Address of the vendor; what it may hold of a user or a query is left out.
    :param path: Path of the endpoint below it.
    """
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    return Name(f"{parts.scheme}://{host}", f"{parts.path.rstrip('/')}/{path.lstrip('/')}")


def dataset_url(store: Store, name: str = "") -> str:
    """Return the URL of a store's root, or of a folder below it, without the id of a connection.

    Airflow's URLs of Azure name the container alone; the account is the one that the store's client uses.
    """
    url = plain_url(store.url).rstrip("/") + (f"/{name}" if name else "")
    scheme, _, rest = url.partition("://")
    account = getattr(store.fs, "account_name", None)
    if scheme in _AZURE and account:
        container, slash, path = rest.partition("/")
        return f"abfss://{container}@{account}.dfs.core.windows.net{slash}{path}"
    return url


def dataset_name(url: str) -> Name:
    """Return the name that OpenLineage gives to what a URL of a store means.

    :param url: URL without the id of a connection, or an absolute local path.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme in ("file", "local"):
        path = rest if separator else url.removeprefix("file:")
        return Name("file", path.rstrip("/") or "/")
    place, _, path = rest.partition("/")
    known = "s3" if scheme in _S3 else "gs" if scheme in _GOOGLE else scheme
    return Name(f"{known}://{place}", path.strip("/") or "/")
