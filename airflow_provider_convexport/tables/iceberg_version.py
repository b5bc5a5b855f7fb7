"""Which version a partition of an Iceberg table holds, as the names of its current files say it.

The current snapshot is the only thing that every reader and every maintenance job of Iceberg keeps, so the
version is written there: into the names of the data files. A partition without rows has no file; its version
is a property of the table, set in the same commit.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.dataset.manifest import RawVersion
from airflow_provider_convexport.export.window import iso
from airflow_provider_convexport.tables.target import TableVersion

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.manifest import DataFile
    from pyiceberg.partitioning import PartitionSpec
    from pyiceberg.table import Table

    from airflow_provider_convexport.tables.target import TablePartition

PARTITION_COLUMNS = ("vendor", "scope", "window_on", "partition_date")
"""The columns of the partition spec, all with the transform ``identity``."""
EMPTY = "convexport.empty."
"""Prefix of the properties that hold the versions of partitions without rows."""
MAX_EMPTY = 500
"""Maximum number of such properties; those of the oldest days are dropped."""
_EPOCH = date(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_TOKEN = re.compile(
    r"(?P<commit>[0-9A-Za-z]+)-(?P<requested>\d*)-(?P<published>\d+)-"
    r"s(?P<schema>\d+)(?P<raw>[rn])-(?P<source>[0-9a-f]{8})-(?P<task>[0-9a-f]{8})(?P<run>[0-9a-f]{8})"
)
_NAME = re.compile(rf"part-{_TOKEN.pattern}-\d{{5,}}\.parquet")

Values = tuple[str, str, str, date]
"""Values of the partition columns."""


def values_of(key: TablePartition) -> Values:
    """Return the values of the partition columns."""
    return (key.vendor, key.scope_text, key.window_on, key.date)


def token_of(key: TablePartition, version: TableVersion, commit: str) -> str:
    """Return the part of a file's name that says which version the file belongs to.

    :param commit: Id of the table's commit, 16 hexadecimal digits, of which the first 8 are the task's.
    """
    source = version.source
    raw = "r" if version.include_raw else "n"
    return (
        f"{source.commit}-{_micros(source.requested_at)}-{_micros(source.committed_at)}-"
        f"s{version.schema_version}{raw}-{_source_of(key)}-{commit}"
    )


def file_name(key: TablePartition, token: str, number: int) -> str:
    """Return the name of a data file, relative to the table's folder of data."""
    folder = f"{quote(key.vendor, safe='')}/{key.date}"
    return f"{folder}/part-{token}-{number:05d}.parquet"


def empty_property(key: TablePartition) -> str:
    """Return the name of the property that holds the version of a partition without rows."""
    values = [str(value) for value in values_of(key)]
    return EMPTY + hashlib.sha256(msgspec.json.encode(values)).hexdigest()[:16]


def surplus_of(properties: Iterable[tuple[str, str]]) -> list[str]:
    """Return the names of properties of empty partitions beyond `MAX_EMPTY`, those of the oldest days."""
    ours = sorted((value, name) for name, value in properties if name.startswith(EMPTY))
    return [name for _, name in ours[: max(len(ours) - MAX_EMPTY, 0)]]


@dataclass(slots=True)
class Held:
    """What the current snapshot holds of one partition.

    :param key: Which partition.
    :param files: Its data files.
    """

    key: TablePartition
    files: list[DataFile] = field(default_factory=list)
    _tokens: list[re.Match[str]] = field(default_factory=list)
    _published: list[datetime] = field(default_factory=list)

    @property
    def exists(self) -> bool:
        """Whether it was ever written, as far as the table knows."""
        return bool(self.files or self._tokens)

    def is_of(self, *, task: str) -> bool:
        """Whether a task wrote it.

        :param task: The first digits of its commits' ids.
        """
        return any((token["task"] + token["run"]).startswith(task) for token in self._tokens)

    @property
    def version(self) -> TableVersion | None:
        """The version; ``None`` if the partition was never written, or holds files of several versions.

        If other software has written the files again, as compaction does, only their column ``exported_at``
        is left of it: then the version's commit is empty.

        :raises ConfigurationError: if the rows come from another export.
        """
        versions = {_version_of(token) for token in self._tokens}
        if others := {token["source"] for token in self._tokens} - {_source_of(self.key)}:
            raise ConfigurationError(
                f"The day {self.key.date} of {self.key.vendor} in the Iceberg table {self.key.table} holds "
                "rows of another export: another stream, account, filter or time zone of days "
                f"(mark {sorted(others)[0]}); give each export a namespace of its own."
            )
        if len(versions) == 1:
            return versions.pop()
        if versions or not self._published:
            return None
        moment = iso(max(self._published))
        return TableVersion(RawVersion("", moment, moment, ""), schema_version=0, include_raw=True)

    def add(self, file: DataFile, exported_at: datetime | None) -> None:
        """Add a data file of the partition."""
        self.files.append(file)
        if token := _NAME.fullmatch(file.file_path.rpartition("/")[2]):
            self._tokens.append(token)
        elif exported_at is not None:
            self._published.append(exported_at)

    def add_property(self, value: str) -> None:
        """Add the property of a partition without rows, unless the partition has some."""
        if not self.files and (token := _TOKEN.fullmatch(value.partition(" ")[2])):
            self._tokens.append(token)


def held(table: Table, keys: Sequence[TablePartition]) -> dict[TablePartition, Held]:
    """Return what the current snapshot holds of partitions.

    It reads those manifests of the snapshot that can name files of the partitions, and no data file.
    """
    found = {key: Held(key) for key in keys}
    by_values = {values_of(key): key for key in keys}
    for file, values in _files(table, keys):
        if (key := by_values.get(values)) is not None:
            found[key].add(file, _exported_at(table, file))
    for key, each in found.items():
        if (value := table.properties.get(empty_property(key))) is not None:
            each.add_property(value)
    return found


def partition_of(file: DataFile, spec: PartitionSpec) -> Values:
    """Return the values of the partition columns, as a manifest says them of a file."""
    values = {each.name: file.partition[place] for place, each in enumerate(spec.fields)}
    vendor, scope, window_on, day = (values.get(name) for name in PARTITION_COLUMNS)
    return (str(vendor), str(scope), str(window_on), _date_of(day))


def _files(table: Table, keys: Sequence[TablePartition]) -> Iterator[tuple[DataFile, Values]]:
    for filter_ in _filters(keys):
        for task in table.scan(row_filter=filter_).plan_files():
            yield task.file, partition_of(task.file, table.specs()[task.file.spec_id])


def _filters(keys: Sequence[TablePartition]) -> Iterator[BooleanExpression]:
    from pyiceberg.expressions import And, EqualTo, In

    days: dict[tuple[str, str, str], set[str]] = {}
    for key in keys:
        *others, day = values_of(key)
        days.setdefault((others[0], others[1], others[2]), set()).add(str(day))
    for values, dates in days.items():
        equal = [EqualTo(name, value) for name, value in zip(PARTITION_COLUMNS, values, strict=False)]  # type: ignore[call-arg,arg-type]
        yield And(*equal, In(PARTITION_COLUMNS[-1], dates))  # type: ignore[call-arg,arg-type]


def _date_of(value: Any) -> date:
    """Return a partition's date, which manifests hold as days since 1970."""
    if isinstance(value, int):
        return _EPOCH + timedelta(days=value)
    return value if isinstance(value, date) else date.min


def _exported_at(table: Table, file: DataFile) -> datetime | None:
    """Return the greatest value of a file's column ``exported_at``, if its statistics say so."""
    bound = (file.upper_bounds or {}).get(table.schema().find_field("exported_at").field_id)
    if bound is None:
        return None
    return datetime.fromtimestamp(0, tz=UTC) + int.from_bytes(bound, "little", signed=True) * _MICROSECOND


def _version_of(token: re.Match[str]) -> TableVersion:
    source = RawVersion(token["commit"], _moment(token["requested"]), _moment(token["published"]), "")
    return TableVersion(source, int(token["schema"]), token["raw"] == "r")


def _source_of(key: TablePartition) -> str:
    """Return a hash of what the partition columns do not tell apart."""
    facts = (key.stream, key.account, key.filters, key.partition.start, key.partition.end)
    return hashlib.sha256(msgspec.json.encode(facts)).hexdigest()[:8]


def _micros(moment: str) -> str:
    if not moment:
        return ""
    return str((datetime.fromisoformat(moment) - datetime.fromtimestamp(0, tz=UTC)) // _MICROSECOND)


def _moment(micros: str) -> str:
    return iso(datetime.fromtimestamp(0, tz=UTC) + int(micros) * _MICROSECOND) if micros else ""
