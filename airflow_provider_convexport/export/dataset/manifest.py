"""The manifest: the object that lists the files of a partition's current version."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, Self, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.window import Window, iso

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_convexport.export.dataset.partition import PartitionGrid
    from airflow_provider_convexport.export.dataset.store import Store
    from airflow_provider_convexport.export.fetch.stream import Query

MANIFEST = "_manifest.json"
FORMAT_VERSION = 1

T = TypeVar("T")


class Span(msgspec.Struct, frozen=True):
    """A half-open span of time in UTC; both ends are ISO-8601 text with a final ``Z``."""

    start: str
    end: str

    @classmethod
    def of(cls, window: Window) -> Self:
        """Return the span of a window."""
        return cls(iso(window.start), iso(window.end))

    @property
    def window(self) -> Window:
        """The span as a window."""
        return Window(datetime.fromisoformat(self.start), datetime.fromisoformat(self.end))


class FileEntry(msgspec.Struct, frozen=True):
    """One published file.

    :param name: Name in the partition's folder.
    :param records: Number of records, which is the number of lines.
    :param bytes: Size of the file.
    :param uncompressed_bytes: Size of the uncompressed lines.
    :param sha256: SHA-256 of the file, in hexadecimal.
    """

    name: str
    records: int
    bytes: int
    uncompressed_bytes: int
    sha256: str


class RunFacts(msgspec.Struct, frozen=True):
    """Statistics of the whole run; they are the same in each of its manifests."""

    pages: int
    requests: int
    duplicates: int
    outside_interval: int
    undated: int
    throttled_seconds: float


class RawVersion(msgspec.Struct, frozen=True):
    """Which version of a raw partition the rows of a table's partition were made from.

    :param commit: Id of the version's commit, which determines its records.
    :param requested_at: When its export sent the first request to the vendor, as ISO-8601 text in UTC; empty
        if its manifest does not say, which counts as older than any other.
    :param committed_at: When it was published, as ISO-8601 text in UTC, to the second.
    :param url: URL of the raw partition's manifest, without the id of a connection.
    """

    commit: str
    requested_at: str
    committed_at: str
    url: str

    def is_newer_than(self, other: RawVersion) -> bool:
        """Return whether these records were requested later; if that is equal, whether published later."""
        return self._moments > other._moments

    @property
    def _moments(self) -> tuple[float, float]:
        return _epoch(self.requested_at), _epoch(self.committed_at)


class TableFacts(msgspec.Struct, frozen=True):
    """What a partition of a table holds.

    :param name: Name of the table, such as ``"messages"``.
    :param schema_version: Version of the columns and of what is written to them.
    :param include_raw: Whether the column ``raw`` is among them.
    """

    name: str
    schema_version: int
    include_raw: bool


class Manifest(msgspec.Struct, frozen=True):
    """Content of ``_manifest.json``; readers rely on it alone.

    :param account: Public identity of the vendor account, if the scope does not tell accounts apart; not in
        manifests of earlier versions of this package.
    :param expired: First part of the run's interval, if the vendor no longer kept it when the manifest was
        written; the same in each manifest of the run.
    :param requested_at: When the run sent its first request to the vendor, in UTC; no record is older. A
        version is not replaced by one that was requested earlier.
    :param checked_at: When a later run found that this version is right and removed leftovers of other runs,
        in UTC.
    :param window_evidence: How ``window_on`` was established, if the vendor does not say by which field its
        window selects; see `WindowEvidence`.
    :param content_digest: Digest of the records that does not depend on their order; only if the export ran
        with ``skip_unchanged``.
    :param table: Which table the partition belongs to; only in manifests of tables, where ``records`` are
        rows, and ``interval``, ``run`` and all times but ``committed_at`` are those of the raw partition.
    :param source: The raw version that the rows were made from; only in manifests of tables.
    :param drift: Number of values of an unexpected shape by column and by kind of JSON value; only in
        manifests of tables, and only of columns that have some.
    """

    format_version: int
    provider_version: str
    vendor: str
    stream: str
    scope: dict[str, str]
    filters: dict[str, str]
    window_on: str
    partition: Span
    interval: Span
    records: int
    first_record_at: str | None
    last_record_at: str | None
    files: list[FileEntry]
    run: RunFacts
    dag_id: str
    task_id: str
    run_id: str
    map_index: int
    try_number: int
    commit: str
    committed_at: str
    expired: Span | UnsetType = UNSET
    content_digest: str | UnsetType = UNSET
    requested_at: str | UnsetType = UNSET
    checked_at: str | UnsetType = UNSET
    window_evidence: str | UnsetType = UNSET
    account: str | UnsetType = UNSET
    table: TableFacts | UnsetType = UNSET
    source: RawVersion | UnsetType = UNSET
    drift: dict[str, dict[str, int]] | UnsetType = UNSET

    @property
    def covers(self) -> Window:
        """The span of time for which the partition is complete."""
        whole = self.partition.window
        if isinstance(self.expired, UnsetType):
            return whole
        return Window(max(whole.start, self.expired.window.end), whole.end)

    def seconds_after(self, moment: float) -> float:
        """Return how many seconds after ``moment`` (epoch seconds) the records were requested.

        A version that does not say when counts as older than any other.
        """
        if isinstance(self.requested_at, UnsetType):
            return float("-inf")
        asked = datetime.fromisoformat(self.requested_at) - datetime.fromtimestamp(moment, UTC)
        return asked.total_seconds()

    def encode(self) -> bytes:
        """Return the manifest as indented JSON."""
        return encoded(self)

    def differences(self, query: Query) -> dict[str, tuple[object, object]]:
        """Return the settings in which this manifest and ``query`` differ, which must not replace it then.

        A ``window_on`` that was only assumed does not count: what is proven later replaces it.

        :returns: Name of a setting to its value in the manifest and its value in ``query``.
        """
        is_assumed = "assumed" in (self.window_evidence, query.window_evidence)
        here: Mapping[str, object] = {
            "vendor": query.stream.vendor,
            "stream": query.stream.name,
            "scope": dict(query.scope),
            "filters": dict(query.filters),
            "window_on": query.window_on,
            "account": self.account if isinstance(self.account, UnsetType) else query.account,
        }
        return {
            name: (getattr(self, name), value)
            for name, value in here.items()
            if getattr(self, name) != value and not (name == "window_on" and is_assumed)
        }


def _epoch(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp() if moment else float("-inf")


class Seen(NamedTuple):
    """A partition's manifest as a run has seen it, and its version, for `Store.replace`.

    Both are ``None`` if the partition was never published.
    """

    manifest: Manifest | None
    version: str | None


def read_manifest(store: Store, folder: str) -> Manifest | None:
    """Return a partition's manifest, or ``None`` if the partition was never published.

    :raises ConfigurationError: if the object of that name is not a manifest.
    """
    content = store.get(f"{folder}/{MANIFEST}")
    return None if content is None else parse_manifest(content, store, folder)


def see_manifest(store: Store, folder: str) -> Seen:
    """Return a partition's manifest with its version.

    :raises ConfigurationError: if the object of that name is not a manifest.
    """
    there = store.get_versioned(f"{folder}/{MANIFEST}")
    if there is None:
        return Seen(None, None)
    return Seen(parse_manifest(there.content, store, folder), there.version)


def parse_manifest(content: bytes, store: Store, folder: str) -> Manifest:
    """Return the manifest that an object of a partition's folder holds.

    :raises ConfigurationError: if the object is not a manifest.
    """
    return decoded(content, Manifest, url=f"{store.url_of(folder)}/{MANIFEST}", what="a manifest")


def encoded(described: msgspec.Struct) -> bytes:
    """Return a description as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(described), indent=1) + b"\n"


def other_kind(url: str, what: str, differences: Mapping[str, tuple[object, object]]) -> ConfigurationError:
    """Return the error for a destination that holds another kind of export.

    :param url: URL of what holds it.
    :param what: What holds it, in a word.
    :param differences: Name of a setting to its value there and its value in this task.
    """
    name, (there, here) = next(iter(differences.items()))
    return ConfigurationError(
        f"{url} holds a {what} with {name}={there!r}, and this task exports {name}={here!r}; "
        "give each kind of export a destination of its own."
    )


def decoded(content: bytes, kind: type[T], *, url: str, what: str) -> T:
    """Return what an object's JSON describes.

    :param content: The object's content.
    :param kind: Type of what it should describe.
    :param url: The object's URL, for the message.
    :param what: What it should be, in words.
    :raises ConfigurationError: if it is something else.
    """
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ConfigurationError(
            f"{url} is not {what} of this package; choose another destination or move it away."
        ) from None


def check_replaceable(
    manifest: Manifest | None, url: str, query: Query, grid: PartitionGrid, index: int
) -> None:
    """Check that a run may replace a partition: it must hold the same kind of export, and nothing more.

    :param manifest: The partition's manifest, if it has one.
    :param url: The partition's folder, for the message.
    :param query: The query whose records would replace it.
    :param grid: The partitions that the run publishes.
    :param index: Number of the partition that would replace it.
    :raises ConfigurationError: if its manifest was written for another vendor, account, stream, scope, filter
        or ``window_on``, or for a span of time that would no longer be covered.
    """
    differences = {} if manifest is None else manifest.differences(query)
    if differences:
        raise other_kind(url, "partition", differences)
    if manifest is not None:
        _check_span(manifest, url, grid, index)


def _check_span(manifest: Manifest, url: str, grid: PartitionGrid, index: int) -> None:
    window, covered, there = grid.window_of(index), grid.covered_of(index), manifest.covers
    if window.covers(manifest.partition.window) and (covered.covers(there) or there.covers(covered)):
        return
    raise ConfigurationError(
        f"{url} holds a partition of {there}, and this task would replace it with one of {covered}, which "
        "does not cover all of it; give each schedule and time zone a destination of its own."
    )
