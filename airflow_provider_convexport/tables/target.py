"""What a target of tables does: it is asked what it holds, gets finished Parquet files, and switches to them.

One partition of a raw dataset becomes exactly one partition of each table that its stream fills. For every
raw partition of a run, in this order:

1. `Target.seen` says which version each partition of a table holds.
2. `verdict_on` says whether that is to stay. If all of them stay, nothing else is read.
3. The raw partition is read once, and all its tables are built as local files.
4. `Target.publish` gets one `BuiltPartition` for each table that has to change.

After the last one, `Target.commit` is called once. A run that fails in between calls nothing more; the
next try begins at 1. So a target must bear that files which it has got are never committed.

Runs may race each other and be killed anywhere. What decides between two versions of a partition is
`verdict_on` alone, so a target applies it again, in the same step in which it switches: the version that is
there then may be another one than `seen` has said.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from airflow_provider_convexport.export.dataset.manifest import RawVersion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from airflow_provider_convexport.export.dataset.manifest import Manifest, Span
    from airflow_provider_convexport.export.dataset.partition import PartitionBy
    from airflow_provider_convexport.export.dataset.reader import PublishedPartition

__all__ = [
    "BuiltPartition",
    "CatalogFacts",
    "LocalFile",
    "RawVersion",
    "TablePartition",
    "TableVersion",
    "Target",
    "Verdict",
    "WrittenPartition",
    "verdict_on",
]

Verdict = Literal["write", "unchanged", "newer"]
"""``"write"``: replace what is there. ``"unchanged"``: it is the same. ``"newer"``: it is newer; keep it."""


@dataclass(frozen=True, slots=True)
class TablePartition:
    """Identity of one partition of a table; two raw partitions never share one. It can be hashed.

    :param table: Name of the table: ``"conversations"`` or ``"messages"``.
    :param vendor: The vendor.
    :param stream: The raw stream that its rows come from.
    :param account: Public identity of the vendor account; empty if the scope tells accounts apart.
    :param filters: The export's filters, as pairs of name and value, sorted by name.
    :param scope: Shop or bot, as pairs of name and value, in the order of the raw folders.
    :param window_on: Which of a record's times decides in which partition it is.
    :param partition: The raw partition's half-open span of time in UTC.
    :param partition_by: How the raw dataset is partitioned.
    :param date: Value of the column ``partition_date``: the day (in the time zone of the partitions) for
        ``"day"``, otherwise the UTC day on which the partition starts.
    :param folder: Folder of the raw partition, relative to its dataset, such as ``bot_name=x/dt=2026-04-01``.
    """

    table: str
    vendor: str
    stream: str
    account: str
    filters: tuple[tuple[str, str], ...]
    scope: tuple[tuple[str, str], ...]
    window_on: str
    partition: Span
    partition_by: PartitionBy
    date: date
    folder: str

    @property
    def key(self) -> str:
        """The partition's key in Airflow: ``2026-04-01`` for a day, otherwise its start to the second."""
        if self.partition_by == "day":
            return self.date.isoformat()
        return f"{self.partition.window.start:%Y-%m-%dT%H:%M:%S}"

    @property
    def scope_text(self) -> str:
        """Value of the column ``scope``: the scope as JSON text with sorted keys, ``{}`` if there is none."""
        return json.dumps(dict(self.scope), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class TableVersion:
    """What determines the rows of a table's partition.

    :param source: The raw version that they were made from.
    :param schema_version: Version of the schema and of the mappings; see `tables.schema`.
    :param include_raw: Whether they have the column ``raw``.
    """

    source: RawVersion
    schema_version: int
    include_raw: bool


def verdict_on(there: TableVersion | None, here: TableVersion) -> Verdict:
    """Return what to do with the version that is there, if ``here`` could be put in its place.

    The version wins whose raw records were requested later. Of the same raw version, the newer schema wins;
    otherwise the one that comes last. Size of files and versions of libraries do not count: they change no
    row.
    """
    if there is None:
        return "write"
    if there.source.commit != here.source.commit:
        return "newer" if there.source.is_newer_than(here.source) else "write"
    if there.schema_version != here.schema_version:
        return "newer" if there.schema_version > here.schema_version else "write"
    return "unchanged" if there.include_raw == here.include_raw else "write"


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A finished Parquet file on the local disk.

    :param path: Where it is until `Target.publish` returns; it may be a name that only this process can open,
        such as ``/proc/self/fd/7``, and it must not be moved.
    :param rows: Number of rows, at least 1.
    :param bytes: Size of the file.
    :param uncompressed_bytes: Size of its columns before compression, as its footer says.
    :param sha256: SHA-256 of the file, in hexadecimal.
    """

    path: Path
    rows: int
    bytes: int
    uncompressed_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class BuiltPartition:
    """One partition of a table, built from one whole raw version.

    :param key: Which partition.
    :param version: What its rows were made from.
    :param partition: The raw partition, whose manifest describes the raw version.
    :param files: Its files in order; none if it has no rows. The same version gives the same bytes as long as
        ``fingerprint`` is the same.
    :param rows: Number of rows of all files.
    :param drift: Number of values of an unexpected shape, by column and by kind of JSON value.
    :param fingerprint: Hash of all that decides the bytes of the files: the raw version, the table, versions
        of schema, package and pyarrow, and the settings of the files. It can be part of a commit's id.
    """

    key: TablePartition
    version: TableVersion
    partition: PublishedPartition
    files: Sequence[LocalFile]
    rows: int
    drift: Mapping[str, Mapping[str, int]]
    fingerprint: str

    @property
    def raw(self) -> Manifest:
        """The raw version's manifest."""
        return self.partition.manifest


@dataclass(frozen=True, slots=True)
class WrittenPartition:
    """A partition that a run has switched to a new version.

    :param key: Which partition.
    :param rows: Number of rows that it has now.
    :param files: Number of files.
    :param bytes: Their size.
    :param url: Where the new version is described, without the id of a connection: the URL of its manifest,
        or of the table's metadata.
    :param root: URL of the table, without the id of a connection.
    :param version: Name of the version: the commit in its manifest, or the id of the table's snapshot.
    :param is_replacement: Whether this run has replaced another version by it.
    """

    key: TablePartition
    rows: int
    files: int
    bytes: int
    url: str
    root: str
    version: str
    is_replacement: bool = False


@dataclass(frozen=True, slots=True)
class CatalogFacts:
    """The catalog that a target's tables are in, for people and lineage; without credentials.

    :param name: Its name: the Airflow connection.
    :param kind: What it is, such as ``"rest"`` or ``"sql"``.
    :param uri: Its address; empty if it has none.
    :param warehouse: URL of its warehouse; empty if it does not say.
    :param namespace: The namespace of the tables.
    """

    name: str
    kind: str
    uri: str
    warehouse: str
    namespace: str


class Target(Protocol):
    """Where tables are written to; used by one thread of one run."""

    @property
    def catalog_facts(self) -> CatalogFacts | None:
        """The catalog that the tables are in; ``None`` if they are files alone. Asks nobody."""
        ...

    def seen(self, keys: Sequence[TablePartition]) -> Mapping[TablePartition, TableVersion]:
        """Return what partitions hold now; those that were never written are left out.

        It is called before any file of these partitions is built, once for each partition of a run, possibly
        in several calls.

        :raises ConfigurationError: if the target holds another kind of table in their place.
        :raises DestinationUnavailableError: if a retry may help.
        """
        ...

    def publish(self, built: BuiltPartition) -> None:
        """Take the files of one partition, which may be deleted when this returns.

        A target that switches partitions one by one does it here; another one uploads the files, and switches
        in `commit`. It is called at most once for each partition of a run.

        :raises ConfigurationError: if the target holds another kind of table in its place.
        :raises DestinationUnavailableError: if a retry may help.
        """
        ...

    def commit(self) -> list[WrittenPartition]:
        """Switch to all that was published and is not switched yet; called once, after the last `publish`.

        It is called even if nothing was published, because everything is unchanged.

        :returns: The partitions that hold a version which this task instance has written: those of `publish`,
            but not where another run's version stays, and those that an earlier try of the task instance has
            written, because their asset events may not have been sent. A target that cannot tell leaves
            the latter out.
        :raises ConfigurationError: if the target holds another kind of table in their place.
        :raises DestinationUnavailableError: if a retry may help.
        """
        ...
