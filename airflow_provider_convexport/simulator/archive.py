"""Which records lie in a window, and in which order: lazily, and O(page) for every page."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import OrderedDict
from dataclasses import dataclass
from operator import attrgetter
from random import Random
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

from airflow_provider_convexport.simulator.dataset import DAY, LOOKBACK_DAYS, Timeline

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
    :param moments: For each field that windows can be laid on, the record's time in microseconds, as
        precise as it is served, or ``None`` if the field is null. The first field is the usual one.
    :param render: Record number ``n`` of a conversation as compact JSON.
    :param by_message: Whether a conversation gives one record per message instead of one.
    """

    vendor: str
    name: str
    moments: Mapping[str, Callable[[Conversation, int], int | None]]
    render: Callable[[Conversation, int], bytes]
    by_message: bool = False

    @property
    def usual_field(self) -> str:
        """The field that windows are laid on unless somebody says otherwise."""
        return next(iter(self.moments))


@dataclass(slots=True)
class Record:
    """A record at its place in time; rendered when first served."""

    at: int
    ordinal: int
    number: int
    conversation: Conversation
    text: bytes = b""


class Position(NamedTuple):
    """Where a page begins: the n-th day of the selection, the n-th record of that day."""

    day: int = 0
    offset: int = 0


START: Final = Position()


@dataclass(frozen=True, slots=True)
class Selection:
    """What a request asks for.

    :param stream: The stream.
    :param scope: Shop id or bot name; empty where the vendor has only one.
    :param field: Field that the window is laid on.
    :param low: First microsecond that belongs to the window.
    :param high: First microsecond that no longer does.
    :param descending: Whether the newest come first.
    :param shuffled: Whether records come in no order of time at all.
    :param keep: Further condition on the conversation, if any.
    """

    stream: Stream
    scope: str
    field: str
    low: int
    high: int
    descending: bool = False
    shuffled: bool = False
    keep: Callable[[Conversation], bool] | None = None

    def days(self) -> list[int]:
        """Return the UTC days to visit, in the order of visiting."""
        days = list(range(self.low // DAY, -(-self.high // DAY))) if self.low < self.high else []
        if self.shuffled:
            Random(len(days)).shuffle(days)  # noqa: S311
        return days[::-1] if self.descending else days


@dataclass(frozen=True, slots=True)
class Page:
    """Some records in a row.

    :param records: The records.
    :param places: Where each of them was found.
    :param following: Where the first record after them is, or ``None`` if there is none.
    """

    records: list[Record]
    places: list[Position]
    following: Position | None

    def resume(self, overlap: int) -> Position | None:
        """Return where the next page begins if it repeats the last ``overlap`` records of this one."""
        again = min(overlap, len(self.places) - 1)
        return self.places[-again] if self.following and again > 0 else self.following


class Archive:
    """All records of all vendors under one plan; may be used from several threads.

    :param plan: What decides which conversations exist.
    """

    def __init__(self, plan: DatasetPlan) -> None:
        self.plan = plan
        self._lock = threading.RLock()
        self._conversations: _Shelf[Conversation] = _Shelf()
        self._records: _Shelf[Record] = _Shelf()

    def page(self, selection: Selection, *, start: Position, size: int) -> Page:
        """Return up to ``size`` records from ``start`` on, rendered."""
        records: list[Record] = []
        places: list[Position] = []
        for place, record in self._walk(selection, start=start):
            if len(records) == size:
                return Page(records, places, place)
            records.append(_rendered(record, stream=selection.stream))
            places.append(place)
        return Page(records, places, None)

    def texts(self, selection: Selection) -> Iterator[bytes]:
        """Yield every record of the selection as compact JSON."""
        for _place, record in self._walk(selection, start=START):
            yield _rendered(record, stream=selection.stream).text

    def find(self, ordinal: int, *, vendor: str, scope: str) -> Conversation | None:
        """Return the conversation with that ordinal, or ``None``."""
        return Timeline(self.plan, vendor=vendor, scope=scope).find(ordinal)

    def _walk(self, selection: Selection, *, start: Position) -> Iterator[tuple[Position, Record]]:
        days, keep = selection.days(), selection.keep
        for number in range(start.day, len(days)):
            rows = self._rows(selection, day=days[number])
            for offset in range(start.offset if number == start.day else 0, len(rows)):
                if keep is None or keep(rows[offset].conversation):
                    yield Position(number, offset), rows[offset]

    def _rows(self, selection: Selection, *, day: int) -> list[Record]:
        rows = self._day(selection.stream, scope=selection.scope, field=selection.field, day=day)
        first = bisect_left(rows, selection.low, key=_TIME)
        rows = rows[first : bisect_left(rows, selection.high, key=_TIME)]
        if selection.shuffled:
            Random(day).shuffle(rows)  # noqa: S311
        elif selection.descending:
            rows.reverse()
        return rows

    def _day(self, stream: Stream, *, scope: str, field: str, day: int) -> list[Record]:
        """Return the records whose ``field`` lies on ``day``, by time."""
        key = (stream.vendor, stream.name, scope, field, day)
        with self._lock:
            return self._records.get(
                key, make=lambda: self._gather(stream, scope=scope, field=field, day=day)
            )

    def _gather(self, stream: Stream, *, scope: str, field: str, day: int) -> list[Record]:
        moment = stream.moments[field]
        rows = []
        for began in range(day - LOOKBACK_DAYS, day + 1):
            for conversation in self._began(stream.vendor, scope=scope, day=began):
                for number in range(len(conversation.messages) if stream.by_message else 1):
                    at = moment(conversation, number)
                    if at is not None and at // DAY == day:
                        rows.append(Record(at, conversation.ordinal, number, conversation))
        rows.sort(key=_ORDER)
        return rows

    def _began(self, vendor: str, *, scope: str, day: int) -> list[Conversation]:
        timeline = Timeline(self.plan, vendor=vendor, scope=scope)
        return self._conversations.get((vendor, scope, day), make=lambda: timeline.day(day))


class _Shelf(Generic[RowT]):
    """Lists by key, the least recently used forgotten when there are too many rows in all."""

    def __init__(self) -> None:
        self._lists: OrderedDict[tuple[Any, ...], list[RowT]] = OrderedDict()
        self._rows = 0

    def get(self, key: tuple[Any, ...], *, make: Callable[[], list[RowT]]) -> list[RowT]:
        """Return the list for ``key``, made now if it is not there."""
        if (rows := self._lists.get(key)) is not None:
            self._lists.move_to_end(key)
            return rows
        self._lists[key] = rows = make()
        self._rows += len(rows) + 1
        while self._rows > _CACHED_ROWS and len(self._lists) > LOOKBACK_DAYS + 1:
            self._rows -= len(self._lists.popitem(last=False)[1]) + 1
        return rows


def _rendered(record: Record, *, stream: Stream) -> Record:
    if not record.text:
        record.text = stream.render(record.conversation, record.number)
    return record
