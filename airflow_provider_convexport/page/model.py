"""From events to calendars: the state of each day of a dataset. Pure: no clock, no database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple
from zoneinfo import ZoneInfo

from airflow_provider_convexport.page.cover import NOTHING, cover_of, without
from airflow_provider_convexport.page.extra import AuditItem, day_items, moment, ordinal, span_items

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from airflow_provider_convexport.page.cover import Commit, Cover, Piece
    from airflow_provider_convexport.page.extra import DatasetKey, DayItem, Extra

State = Literal[
    "published", "empty", "unsettled", "late", "missing", "expiring", "lost", "clipped", "failed", "before"
]
PROBLEMS: tuple[State, ...] = ("failed", "expiring", "missing", "late", "lost")
"""The states that somebody should look at, the most urgent first."""

DAY = 86_400
HOUR = 3_600
GRACE = HOUR
"""Seconds after a day has settled in which its export may still run before the day is late."""
EXPIRING_DAYS = 14
"""A day that is not published is shown with the days that are left if they are no more than this."""
_EPOCH = date(1970, 1, 1).toordinal()


class Audit(NamedTuple):
    """The newest audit of a day, and when it was."""

    found: AuditItem
    at: float


class Cell(NamedTuple):
    """A day of a calendar.

    :param day: The day.
    :param state: Its state; ``"before"`` if it lies before the first one that was published.
    :param cover: What is published of it.
    :param days_left: Days until the vendor begins to forget it, only if it is not published.
    :param is_due: Whether it should be published by now.
    """

    day: date
    state: State
    cover: Cover
    days_left: int | None
    is_due: bool


@dataclass(slots=True)
class Dataset:
    """A dataset, as the events of exports and audits describe it. Exports are added in their order.

    :param key: What tells it from others.
    :param days: What was published of each day, by its number, the newest last.
    :param audits: The newest audit of each day.
    :param expired: Spans that the vendor no longer kept when they were exported, in epoch seconds.
    :param ends: Ends of the intervals of runs, in epoch seconds.
    :param settle: Seconds after its end at which a day settles.
    :param history: Seconds for which the vendor keeps records; ``None`` if it does not say.
    """

    key: DatasetKey
    zone: str = "UTC"
    partition_by: str = "day"
    window_on: str = ""
    settle: int = 0
    history: int | None = None
    days: dict[int, list[Piece]] = field(default_factory=dict)
    audits: dict[int, Audit] = field(default_factory=dict)
    expired: list[tuple[int, int]] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    last_at: float = 0.0

    def bounds(self, day: int) -> tuple[int, int]:
        """Return the first moment of a day and that of the next one, in epoch seconds."""
        if self.zone == "UTC":
            return (day - _EPOCH) * DAY, (day - _EPOCH + 1) * DAY
        return _midnight(day, self.zone), _midnight(day + 1, self.zone)

    def day_of(self, seconds: float) -> int:
        """Return the number of the day that holds a moment."""
        if self.zone == "UTC":
            return int(seconds // DAY) + _EPOCH
        return datetime.fromtimestamp(seconds, ZoneInfo(self.zone)).toordinal()

    @property
    def cadence(self) -> int:
        """Seconds between the ends of the last two intervals that were exported; a day if there is one."""
        ends = sorted(set(self.ends))
        return ends[-1] - ends[-2] if len(ends) > 1 else DAY


def add_export(dataset: Dataset, extra: Extra, commit: Commit, piece: type[Piece]) -> None:
    """Add an event of an export.

    :raises ValueError: if one of its times or days is none; no day is added then.
    :raises KeyError: if its time zone does not exist.
    """
    if extra.timezone != dataset.zone:
        ZoneInfo(extra.timezone)  # an error if there is none
        dataset.zone = extra.timezone
    found = [*_day_pieces(dataset, extra, commit, piece), *_span_pieces(dataset, extra, commit, piece)]
    expired = None if extra.expired is None else (moment(extra.expired[0]), moment(extra.expired[1]))
    end = moment(commit.interval[1])
    for day, each in found:
        dataset.days.setdefault(day, []).append(each)
    if expired is not None:
        dataset.expired.append(expired)
    dataset.ends.append(end)
    dataset.last_at = max(dataset.last_at, commit.at)
    dataset.partition_by, dataset.window_on = extra.partition_by, extra.window_on or dataset.window_on
    if extra.settle is not None:
        dataset.settle = extra.settle


def add_audit(dataset: Dataset, extra: Extra, at: float) -> None:
    """Add what an audit found, unless a newer one is there; the results of a day's partitions are added up.

    :raises ValueError: if one of its days is none; nothing is added then.
    """
    found: dict[int, list[AuditItem]] = {}
    for key, audit in (extra.audit or {}).items():
        found.setdefault(ordinal(key[:10]), []).append(audit)
    for day, parts in found.items():
        if day not in dataset.audits or dataset.audits[day].at <= at:
            dataset.audits[day] = Audit(_added_up(parts), at)


def _added_up(parts: list[AuditItem]) -> AuditItem:
    return AuditItem(
        ok=all(each.ok for each in parts),
        gaps=sum(each.gaps for each in parts),
        changed=sum(each.changed for each in parts),
        # The version that failed says whether the result still holds.
        commit=next((each.commit for each in parts if not each.ok), parts[0].commit),
    )


def _day_pieces(
    dataset: Dataset, extra: Extra, commit: Commit, piece: type[Piece]
) -> Iterator[tuple[int, Piece]]:
    for text, item in day_items(extra).items():
        day = ordinal(text)
        start, end = dataset.bounds(day)
        if item is None:
            yield day, piece(start, end, None, None, "", False, commit)
        elif item.hours is None:
            first = start if item.kept_from is None else max(start, moment(item.kept_from))
            yield day, piece(first, end, item.records, item.bytes, item.commit, item.early, commit)
        else:
            yield from ((day, each) for each in _hour_pieces(start, item, item.hours, commit, piece))


def _hour_pieces(
    start: int, item: DayItem, hours: dict[str, tuple[int, int]], commit: Commit, piece: type[Piece]
) -> Iterator[Piece]:
    for hour, (records, size) in hours.items():
        first = start + int(hour) * HOUR
        known = records >= 0
        yield piece(
            first,
            first + HOUR,
            records if known else None,
            size if known else None,
            item.commit,
            item.early,
            commit,
        )


def _span_pieces(
    dataset: Dataset, extra: Extra, commit: Commit, piece: type[Piece]
) -> Iterator[tuple[int, Piece]]:
    for item in span_items(extra):
        start, end = moment(item.start), moment(item.end)
        each = piece(start, end, item.records, item.bytes, item.commit, item.early, commit)
        yield from ((day, each) for day in range(dataset.day_of(start), dataset.day_of(end - 1) + 1))


def cells(
    dataset: Dataset, days: Iterable[int], *, now: float, since: int | None = None, due: int | None = None
) -> list[Cell]:
    """Return the calendar of a dataset.

    :param days: Numbers of the days, in order.
    :param now: The current time in epoch seconds.
    :param since: Number of a day from which the dataset is known to exist, if it is before the first that
        events say was published.
    :param due: Epoch seconds up to which the Dag has created runs; ``None`` if that is not known.
    """
    published = sorted(dataset.days)
    first = min([*published[:1], *([] if since is None else [since])], default=None)
    last = published[-1] if published else None
    reached = max(dataset.ends, default=0)
    # Without a Dag's word, the next run is expected as long after the last as that after the one before.
    until = max(reached + dataset.cadence * max(int((now - reached) // dataset.cadence), 0), due or 0)
    return [_cell(dataset, day, now=now, first=first, last=last, until=until) for day in days]


def _cell(dataset: Dataset, day: int, *, now: float, first: int | None, last: int | None, until: int) -> Cell:
    start, end = dataset.bounds(day)
    pieces = dataset.days.get(day, ())
    cover = cover_of(pieces, start, end) if pieces else NOTHING
    label = date.fromordinal(day)
    if cover.is_whole:
        return Cell(label, _published(dataset, day, cover), cover, None, is_due=True)
    if first is None or day < first:
        return Cell(label, "before", cover, None, is_due=False)
    if _is_expired(dataset, pieces, start, end):
        return Cell(label, "clipped", cover, None, is_due=True)
    if end + dataset.settle + GRACE > now or end > until:
        return Cell(label, "unsettled", cover, None, is_due=False)
    left = None if dataset.history is None else int((start + dataset.history - now) // DAY)
    state: State = "missing" if last is not None and (day < last or cover.is_partly) else "late"
    if left is not None and left <= EXPIRING_DAYS:
        state = "lost" if left < 0 else "expiring"
    return Cell(label, state, cover, left if left is not None and left >= 0 else None, is_due=True)


def _published(dataset: Dataset, day: int, cover: Cover) -> State:
    audit = dataset.audits.get(day)
    if audit is not None and not audit.found.ok and is_current(audit, cover):
        return "failed"
    if cover.is_early:
        return "unsettled"
    return "empty" if cover.records == 0 else "published"


def is_current(audit: Audit, cover: Cover) -> bool:
    """Return whether an audit looked at what is published now; one that does not say which did."""
    return not audit.found.commit or not any(cover.versions) or audit.found.commit in cover.versions


def _is_expired(dataset: Dataset, pieces: Sequence[Piece], start: int, end: int) -> bool:
    """Return whether what is not published of a day was no longer kept when it was exported."""
    left = [(start, end)]
    for first, last in (*dataset.expired, *((each.start, each.end) for each in pieces)):
        left = without(left, first, last)
    return not left


def _midnight(day: int, zone: str) -> int:
    at = datetime.fromordinal(day).replace(tzinfo=ZoneInfo(zone))
    return int(at.timestamp())


def stretches(days: Sequence[date]) -> list[tuple[date, date]]:
    """Return the first and the last day of each stretch of consecutive days."""
    found: list[tuple[date, date]] = []
    for day in sorted(days):
        if found and found[-1][1] + timedelta(days=1) == day:
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found
