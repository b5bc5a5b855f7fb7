"""What an audit stands on: the vendor's account, and the published partitions around those it audits."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from airflow_provider_convexport.errors import PartitionReplacedError
from airflow_provider_convexport.export.dataset.folders import dataset_of
from airflow_provider_convexport.export.fetch.availability import kept_from
from airflow_provider_convexport.export.fetch.surrogates import on_one_line
from airflow_provider_convexport.export.records import records

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from airflow_provider_convexport.audit.entries import Entries, Shape
    from airflow_provider_convexport.audit.second_views import SecondView
    from airflow_provider_convexport.export.dataset.reader import PublishedPartition
    from airflow_provider_convexport.export.fetch.client import Client
    from airflow_provider_convexport.export.fetch.stream import Query, Stream
    from airflow_provider_convexport.export.window import Window

_KEPT = 1_000_000
"""Records of published partitions whose entries are kept in memory, some hundred bytes each."""
_TRIES = 5


class Account(Protocol):
    """What an audit needs of a vendor's hook."""

    streams: ClassVar[Mapping[str, Stream]]
    second_views: ClassVar[Mapping[str, tuple[SecondView, ...]]]

    @property
    def http_conn_id(self) -> Any:
        """Id of the connection, for messages."""
        ...

    @property
    def client(self) -> Client:
        """Sends the requests within the account's budget."""
        ...

    def query(
        self, *, stream: str = ..., window_on: str | None = ..., filters: Mapping[str, Any] | None = ...
    ) -> Query:
        """Return a checked query."""
        ...

    def scope(self) -> dict[str, str]:
        """Return the shop or bot."""
        ...


@dataclass(slots=True)
class Ground:
    """Reads records on both sides.

    :param account: The vendor's account.
    :param partitions: Published partitions of the account's scope, of any stream.
    :param now: The time of the audit, UTC.
    """

    account: Account
    partitions: Sequence[PublishedPartition]
    now: datetime
    _entries: OrderedDict[tuple[str, str, Shape], Entries] = field(default_factory=OrderedDict)

    def views_of(self, stream: str) -> tuple[SecondView, ...]:
        """Return the second views of a stream."""
        return self.account.second_views.get(stream, ())

    def asked(self, query: Query, window: Window, shape: Shape) -> Entries:
        """Return the records that the vendor has in a half-open window, by their own time."""
        return shape.entries(map(on_one_line, records(self.account.client, query, window)))

    def is_kept(self, window: Window, stream: Stream) -> bool:
        """Return whether the vendor still keeps all of a window, and what lies a minute before it."""
        return (
            kept_from(type(window)(window.start - timedelta(minutes=1), window.end), stream, self.now) is None
        )

    def published(self, partition: PublishedPartition, shape: Shape) -> Entries:
        """Return the records of a partition, which may be those of a version that has replaced it since.

        :raises ConfigurationError: if a file is missing or was changed; the message says which.
        """
        key = (partition.url, partition.manifest.commit, shape)
        if key not in self._entries:
            self._entries[key] = _read(partition, shape)
            while len(self._entries) > 1 and sum(map(len, self._entries.values())) > _KEPT:
                self._entries.popitem(last=False)
        self._entries.move_to_end(key)
        return self._entries[key]

    def neighbours(self, partition: PublishedPartition, moment: float) -> Iterator[PublishedPartition]:
        """Yield the partitions of the same dataset that are complete for a moment (epoch seconds)."""
        return (each for each in self.dataset(partition) if _holds(each, moment))

    def dataset(self, partition: PublishedPartition) -> Iterator[PublishedPartition]:
        """Yield the partitions of the same dataset, whichever root they were found below."""
        home = dataset_of(partition.url)
        return (each for each in self.partitions if dataset_of(each.url) == home)

    def beside(self, stream: str, window_on: str | None = None) -> list[PublishedPartition]:
        """Return the partitions of another stream, without filters, by start."""
        found = [
            each
            for each in self.partitions
            if each.manifest.stream == stream
            and not each.manifest.filters
            and window_on in (None, each.manifest.window_on)
        ]
        return sorted(found, key=lambda each: each.manifest.covers)


def covering(
    partitions: Iterable[PublishedPartition], start: float, end: float
) -> tuple[list[PublishedPartition], bool]:
    """Return the partitions that overlap a half-open span, and whether they cover all of it.

    :param partitions: Partitions by start.
    :param start: Start in epoch seconds, inclusive.
    :param end: End, exclusive.
    """
    found, reached = [], start
    for each in partitions:
        low, high = ends_of(each)
        if low < end and start < high:
            found.append(each)
            if low <= reached:
                reached = max(reached, high)
    return found, reached >= end


def ends_of(partition: PublishedPartition) -> tuple[float, float]:
    """Return the start and the end of what a partition is complete for, in epoch seconds."""
    covers = partition.manifest.covers
    return covers.start.timestamp(), covers.end.timestamp()


def moment_at(seconds: float) -> datetime:
    """Return a moment in UTC, without its fraction of a second."""
    return datetime.fromtimestamp(int(seconds // 1), UTC)


def _holds(partition: PublishedPartition, moment: float) -> bool:
    low, high = ends_of(partition)
    return low <= moment < high


def _read(partition: PublishedPartition, shape: Shape) -> Entries:
    for _ in range(_TRIES):
        try:
            return shape.entries(partition.lines(follow=False))
        except PartitionReplacedError:
            partition = partition.again()
    return shape.entries(partition.lines(follow=False))
