"""Tables in an Apache Iceberg catalog: files first, then one transaction for all partitions of a run."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import shutil
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.job import TaskTry
from airflow_provider_convexport.tables.iceberg_commit import TableCommit, delete_files, snapshot_of
from airflow_provider_convexport.tables.iceberg_problems import CatalogProblem, explained, unavailable
from airflow_provider_convexport.tables.iceberg_table import check, create
from airflow_provider_convexport.tables.iceberg_transaction import Uploaded
from airflow_provider_convexport.tables.iceberg_urls import check_url, without_credentials
from airflow_provider_convexport.tables.iceberg_version import file_name, held, token_of
from airflow_provider_convexport.tables.schema import TABLES
from airflow_provider_convexport.tables.target import CatalogFacts, WrittenPartition

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table as IcebergTable

    from airflow_provider_convexport.tables.target import (
        BuiltPartition,
        LocalFile,
        TablePartition,
        TableVersion,
    )

TRIES = 21
"""So often a commit is tried while others commit to the same table: the first time, and 20 retries."""
_WAIT = 0.1
_CREATE_TRIES = 5


@dataclass(slots=True)
class IcebergTarget:
    """The tables ``conversations`` and ``messages`` in a namespace of an Iceberg catalog.

    Only days are possible as partitions. The two tables are switched one after the other, each at once.

    :param catalog: The catalog, of pyiceberg.
    :param namespace: The namespace, such as ``"support"`` or ``"analytics.support"``; created if missing.
    :param task: The task try that writes.
    :param wait: Seconds to wait before the second attempt of a commit; doubles with each, up to 5.
    :raises ConfigurationError: if pyiceberg is not installed, or the namespace is empty.
    """

    catalog: Catalog
    namespace: str
    task: TaskTry = field(default_factory=TaskTry)
    wait: float = _WAIT
    _parts: tuple[str, ...] = field(init=False)
    _commit: str = field(init=False)
    _task_mark: str = field(init=False)
    _tables: dict[str, IcebergTable] = field(default_factory=dict, init=False)
    _uploaded: dict[str, list[Uploaded]] = field(default_factory=dict, init=False)
    _written: dict[TablePartition, WrittenPartition] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        require_pyiceberg()
        self._parts = parts_of(self.namespace)
        identity = msgspec.json.encode(self.task.identity) if self.task.run_id else secrets.token_bytes(8)
        self._task_mark = hashlib.sha256(identity).hexdigest()[:8]
        self._commit = self._task_mark + secrets.token_hex(4)

    @property
    def catalog_facts(self) -> CatalogFacts:
        """The catalog, as its connection describes it."""
        properties = self.catalog.properties
        return CatalogFacts(
            name=self.catalog.name,
            kind=type(self.catalog).__name__.removesuffix("Catalog").lower(),
            uri=without_credentials(str(properties.get("uri", ""))),
            warehouse=without_credentials(str(properties.get("warehouse", ""))),
            namespace=self.namespace,
        )

    def seen(self, keys: Sequence[TablePartition]) -> Mapping[TablePartition, TableVersion]:
        """Return what partitions hold now; reads the metadata of their files, and no file."""
        found: dict[TablePartition, TableVersion] = {}
        for name, of_table in _by_table(keys).items():
            _check_days(of_table)
            with _answered(self._full_name(name)), explained():
                if (table := self._loaded(name)) is None:
                    continue
                there = held(table, of_table)
            for key, each in there.items():
                if (version := each.version) is not None:
                    found[key] = version
                if each.is_of(task=self._task_mark):
                    files = each.files
                    self._written[key] = WrittenPartition(
                        key,
                        rows=sum(file.record_count for file in files),
                        files=len(files),
                        bytes=sum(file.file_size_in_bytes for file in files),
                        url=table.metadata_location,
                        root=table.location(),
                        version=snapshot_of(table),
                    )
        return found

    def publish(self, built: BuiltPartition) -> None:
        """Upload the files of one partition, and keep their names for `commit`."""
        key = built.key
        _check_days([key])
        self._written.pop(key, None)
        table = self._created(key.table)
        token = token_of(key, built.version, self._commit)
        provider = table.location_provider()
        paths = [
            provider.new_data_location(file_name(key, token, number)) for number in range(len(built.files))
        ]
        # Before the first one is there, so that `abandon` deletes also the one that fails.
        size = sum(file.bytes for file in built.files)
        self._uploaded.setdefault(key.table, []).append(Uploaded(key, built.version, paths, built.rows, size))
        for path, file in zip(paths, built.files, strict=True):
            with _answered(self._full_name(key.table)), explained():
                _upload(table, path, file)

    def commit(self) -> list[WrittenPartition]:
        """Switch each table to what was published, in one transaction, and return what was written."""
        task = self.task
        for name in list(self._uploaded):
            uploaded = self._uploaded.pop(name)
            commit = TableCommit(
                load=partial(self._needed, name),
                name=self._full_name(name),
                table=TABLES[name],
                commit=self._commit,
                task="/".join((task.dag_id, task.task_id, task.run_id, str(task.map_index))),
                uploaded=uploaded,
                tries=TRIES,
                wait=self.wait,
            )
            try:
                self._written |= {written.key: written for written in commit.run()}
            except ConfigurationError:
                if not commit.was_sent:
                    self._delete(name, uploaded)
                raise
        return list(self._written.values())

    def abandon(self) -> None:
        """Delete the files that were uploaded, if the run fails before `commit` was called.

        It never deletes what `commit` has begun to switch.
        """
        for name, uploaded in self._uploaded.items():
            self._delete(name, uploaded)
        self._uploaded.clear()

    def _delete(self, name: str, uploaded: Sequence[Uploaded]) -> None:
        if (table := self._tables.get(name)) is not None:
            delete_files(table, [path for each in uploaded for path in each.paths])

    def _full_name(self, name: str) -> str:
        return f"{self.namespace}.{name}"

    def _identifier(self, name: str) -> tuple[str, ...]:
        return (*self._parts, name)

    def _created(self, name: str) -> IcebergTable:
        """Return a table, after creating it if there is none."""
        if (table := self._tables.get(name)) is None:
            with _answered(self._full_name(name)):
                table = self._loaded(name) or self._create(name)
            self._tables[name] = table
        return table

    def _create(self, name: str) -> IcebergTable:
        """Create a table, or return the one that another run creates at the same time.

        :raises CatalogProblem: if the catalog gives no usable answer in several tries.
        """
        check_url(str(self.catalog.properties.get("warehouse", "")), "The catalog's warehouse")
        for _ in range(_CREATE_TRIES):
            try:
                with explained():
                    create(self.catalog, self._identifier(name), TABLES[name])
            except CatalogProblem:  # as when two create the same namespace at once in a SQL catalog
                time.sleep(self.wait)
            if (table := self._loaded(name)) is not None:
                return table
        raise CatalogProblem("the table cannot be created")

    def _loaded(self, name: str) -> IcebergTable | None:
        """Return a table as it is now, after a check; ``None`` if there is none."""
        from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError

        with explained():
            try:
                table = self.catalog.load_table(self._identifier(name))
            except (NoSuchTableError, NoSuchNamespaceError):
                return None
        check(table, TABLES[name])
        check_url(table.location(), f"The location of the Iceberg table {self._full_name(name)}")
        return table

    def _needed(self, name: str) -> IcebergTable:
        """Return a table as it is now; it was there when its files were uploaded."""
        if (table := self._loaded(name)) is None:
            raise ConfigurationError(
                f"The Iceberg table {self._full_name(name)} was dropped while this task wrote to it; clear "
                "the task to make it again."
            )
        return table


def parts_of(namespace: str) -> tuple[str, ...]:
    """Return the levels of a namespace.

    :raises ConfigurationError: if one of them is empty.
    """
    parts = namespace.split(".") if isinstance(namespace, str) else [""]
    if not all(part.strip() for part in parts):
        raise ConfigurationError(
            f"namespace={namespace!r} is not the name of a namespace; write one such as 'support'."
        )
    return tuple(parts)


def require_pyiceberg() -> None:
    """Check that pyiceberg is installed.

    :raises ConfigurationError: if it is not.
    """
    try:
        import pyiceberg.io.pyarrow
        import pyiceberg.table  # noqa: F401
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "Iceberg tables need pyiceberg and pyarrow; install airflow-provider-convexport[iceberg]."
        ) from error


def _by_table(keys: Sequence[TablePartition]) -> dict[str, list[TablePartition]]:
    found: dict[str, list[TablePartition]] = {}
    for key in keys:
        found.setdefault(key.table, []).append(key)
    return found


def _check_days(keys: Sequence[TablePartition]) -> None:
    for key in keys:
        if key.partition_by != "day":
            raise ConfigurationError(
                f"Iceberg tables have one partition for each day, but the raw dataset of {key.vendor} has "
                f"partition_by={key.partition_by!r}; export it with partition_by='day', or write Parquet "
                "files (destination=) instead. Nothing was written."
            )


def _upload(table: IcebergTable, path: str, file: LocalFile) -> None:
    """Copy a file, and see that it is there: the store's credentials may allow to write but not to read."""
    with file.path.open("rb") as source, table.io.new_output(path).create(overwrite=True) as copy:
        shutil.copyfileobj(source, copy, 2**20)
    if (size := len(table.io.new_input(path))) != file.bytes:
        raise CatalogProblem(f"an uploaded file has {size} bytes instead of {file.bytes}")


@contextlib.contextmanager
def _answered(name: str) -> Iterator[None]:
    """Convert what has no certain answer, where it is safe to begin again later."""
    try:
        yield
    except CatalogProblem as error:
        raise unavailable(name, error.problem) from error
