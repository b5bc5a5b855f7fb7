"""The records of a window in the order of serving, computed lazily and in O(page) for every page."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import OrderedDict
from dataclasses import dataclass
from operator import attrgetter
from random import Random
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

from airflow_provider_convexport.simulator.dataset import LOOKBACK_DAYS, ScopeDataset
from airflow_provider_convexport.simulator.lifecycle import LIFE_DAYS, at_moment
from airflow_provider_convexport.simulator.times import DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow_provider_convexport.simulator.dataset import Conversation, DatasetPlan

RowT = TypeVar("RowT")

_CACHED_ROWS: Final = 60_000
_TIME: Final = attrgetter("at")
_ORDER: Final = attrgetter("at", "ordinal", "number")


@dataclass(frozen=True, slots=True)
class Stream:
    """One kind of record of one vendor.

    :param vendor: Name of the vendor.
    :param name: Name of the stream.
    :param time_fields: For each field by which a window can select records, the function that returns the
        record's time in microseconds, as precisely as it is served, or ``None`` if the field is null. The
        first field is the default.
    :param render: Record number ``n`` of a conversation as compact JSON.
    :param by_message: Whether a conversation gives one record per message instead of one.
    :param id_field: The record's member with its id, by which the settings name single records.
    """

    vendor: str
    name: str
    time_fields: Mapping[str, Callable[[Conversation, int], int | None]]
    render: Callable[[Conversation, int], bytes]
    by_message: bool = False
    id_field: str = "id"

    @property
    def default_field(self) -> str:
        """The field by which a window selects records if none is named."""
        return next(iter(self.time_fields))


@dataclass(slots=True)
class Record:
    """A record; it is rendered when it is first served.

    :param at: Its time in the field by which it was selected, in microseconds.
    :param ordinal: Number of its conversation.
    :param number: Number of the message within the conversation; 0 for records of conversations.
    :param conversation: Its conversation.
    :param text: The record as compact JSON; empty until it is rendered.
    """

    at: int
    ordinal: int
    number: int
    conversation: Conversation
    text: bytes = b""


class Position(NamedTuple):
    """Where a page begins.

    :param day: Number of the day within the days of the query, counted from 0.
    :param offset: Number of the record within that day, counted from 0.
    """

    day: int = 0
    offset: int = 0


START: Final = Position()


@dataclass(frozen=True, slots=True)
class RecordQuery:
    """Which records a request asks for, and in which order.

    :param stream: The stream.
    :param scope: Shop id or bot name; empty if the vendor has none.
    :param field: Field by which the window selects records.
    :param low: First microsecond of the window.
    :param high: First microsecond after the window.
    :param descending: Whether the newest records come first.
    :param shuffled: Whether records come in no order of time.
    :param keep: A further condition on the conversation, or ``None``.
    :param serves: A further condition on the rendered record, or ``None``.
    :param as_of: Records are as they are at this time, in microseconds; ``None`` for their final state.
    """

    stream: Stream
    scope: str
    field: str
    low: int
    high: int
    descending: bool = False
    shuffled: bool = False
    keep: Callable[[Conversation], bool] | None = None
    serves: Callable[[bytes], bool] | None = None
    as_of: int | None = None

    def days(self) -> list[int]:
        """Return the UTC days that the window touches, counted from the epoch, in the order of serving."""
        days = list(range(self.low // DAY, -(-self.high // DAY))) if self.low < self.high else []
        if self.shuffled:
            Random(len(days)).shuffle(days)  # noqa: S311
        return days[::-1] if self.descending else days


@dataclass(frozen=True, slots=True)
class Page:
    """Consecutive records of a query.

    :param records: The records.
    :param positions: The position of each record.
    :param following: The position of the first record after them, or ``None`` if there is none.
    """

    records: list[Record]
    positions: list[Position]
    following: Position | None

    def resume(self, overlap: int) -> Position | None:
        """Return the position of the next page if it repeats the last ``overlap`` records of this one."""
        repeated = min(overlap, len(self.positions) - 1)
        return self.positions[-repeated] if self.following and repeated > 0 else self.following


class RecordStore:
    """All records of all vendors for one plan; may be used from several threads.

    :param plan: The settings that determine which conversations exist.
    """

    def __init__(self, plan: DatasetPlan) -> None:
        self.plan = plan
        self._lock = threading.RLock()
        self._conversations: _LruCache[Conversation] = _LruCache()
        self._records: _LruCache[Record] = _LruCache()

    def page(self, query: RecordQuery, *, start: Position, size: int) -> Page:
        """Return up to ``size`` rendered records, the first of them at ``start``."""
        records: list[Record] = []
        positions: list[Position] = []
        for position, record in self._iterate(query, start=start):
            if len(records) == size:
                return Page(records, positions, position)
            records.append(_rendered(record, stream=query.stream))
            positions.append(position)
        return Page(records, positions, None)

    def texts(self, query: RecordQuery) -> Iterator[bytes]:
        """Yield every record of the query as compact JSON, without reading all of them at once."""
        for _position, record in self._iterate(query, start=START):
            yield _rendered(record, stream=query.stream).text

    def find(self, ordinal: int, *, vendor: str, scope: str) -> Conversation | None:
        """Return the conversation with that ordinal, or ``None``."""
        return ScopeDataset(self.plan, vendor=vendor, scope=scope).find(ordinal)

    def _iterate(self, query: RecordQuery, *, start: Position) -> Iterator[tuple[Position, Record]]:
        days, keep = query.days(), query.keep
        for number in range(start.day, len(days)):
            rows = self._rows(query, day=days[number])
            for offset in range(start.offset if number == start.day else 0, len(rows)):
                if (keep is None or keep(rows[offset].conversation)) and _is_served(rows[offset], query):
                    yield Position(number, offset), rows[offset]

    def _rows(self, query: RecordQuery, *, day: int) -> list[Record]:
        rows = self._day(query, day=day)
        first = bisect_left(rows, query.low, key=_TIME)
        rows = rows[first : bisect_left(rows, query.high, key=_TIME)]
        if query.shuffled:
            Random(day).shuffle(rows)  # noqa: S311
        elif query.descending:
            rows.reverse()
        return rows

    def _day(self, query: RecordQuery, *, day: int) -> list[Record]:
        """Return the records whose field of the query lies on ``day``, by time."""
        key = (query.stream.vendor, query.stream.name, query.scope, query.field, day, query.as_of)
        with self._lock:
            return self._records.get(key, make=lambda: self._collect(query, day=day))

    def _collect(self, query: RecordQuery, *, day: int) -> list[Record]:
        stream, time_of = query.stream, query.stream.time_fields[query.field]
        rows = []
        for conversation in self._candidates(query, day=day):
            for number in range(len(conversation.messages) if stream.by_message else 1):
                at = time_of(conversation, number)
                if at is not None and at // DAY == day:
                    rows.append(Record(at, conversation.ordinal, number, conversation))
        rows.sort(key=_ORDER)
        return rows

    def _candidates(self, query: RecordQuery, *, day: int) -> Iterator[Conversation]:
        """Yield every conversation of which a time may lie on ``day``, as it is at the time of the query."""
        lookback = LOOKBACK_DAYS if query.as_of is None else LIFE_DAYS
        for first_day in range(day - lookback, day + 1):
            yield from self._conversations_of(query, day=first_day)

    def _conversations_of(self, query: RecordQuery, *, day: int) -> list[Conversation]:
        """Return the conversations that began on ``day``, as they are at the time of the query."""
        vendor, as_of = query.stream.vendor, query.as_of
        key = (vendor, query.scope, day)
        dataset = ScopeDataset(self.plan, vendor=vendor, scope=query.scope)
        whole = self._conversations.get(key, make=lambda: dataset.day(day))
        if as_of is None:
            return whole
        return self._conversations.get(
            (*key, as_of), make=lambda: [each for each in (at_moment(one, as_of) for one in whole) if each]
        )


class _LruCache(Generic[RowT]):
    """Lists by key; the least recently used lists are removed while all lists together have too many rows."""

    def __init__(self) -> None:
        self._lists: OrderedDict[tuple[Any, ...], list[RowT]] = OrderedDict()
        self._rows = 0

    def get(self, key: tuple[Any, ...], *, make: Callable[[], list[RowT]]) -> list[RowT]:
        """Return the list for ``key``; call ``make`` for it if it is not cached."""
        if (rows := self._lists.get(key)) is not None:
            self._lists.move_to_end(key)
            return rows
        self._lists[key] = rows = make()
        self._rows += len(rows) + 1
        while self._rows > _CACHED_ROWS and len(self._lists) > LOOKBACK_DAYS + 1:
            self._rows -= len(self._lists.popitem(last=False)[1]) + 1
        return rows


def _is_served(record: Record, query: RecordQuery) -> bool:
    return query.serves is None or query.serves(_rendered(record, stream=query.stream).text)


def _rendered(record: Record, *, stream: Stream) -> Record:
    if not record.text:
        record.text = stream.render(record.conversation, record.number)
    return record
