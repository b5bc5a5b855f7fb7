"""What a dataset is expected to hold by now, and what is missing of that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_convexport.cli.window_sets import clip_to, gaps, minus, union
from airflow_provider_convexport.export.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from zoneinfo import ZoneInfo

    from airflow_provider_convexport.cli.datasets import Dataset, PartitionFacts

LEGEND = """\
#  records    .  no records    -  not published    ~  partly published    !  published more than once
?  not settled, so that the vendor may add records    x  no longer kept by the vendor when exported"""
"""Meaning of a calendar's characters."""

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class AskedDays(NamedTuple):
    """The days that a report is about, both inclusive, as days of each dataset.

    :param first: ``None`` for the first one that is published.
    :param last: ``None`` for yesterday, or the last one that is published if that is later.
    :param until_yesterday: Whether it is yesterday, even if a later one is published.
    """

    first: date | None = None
    last: date | None = None
    until_yesterday: bool = False


class Totals(NamedTuple):
    """Numbers of days: published as a whole, of these without records, not published, and not settled."""

    days: int
    empty: int
    missing: int
    unsettled: int


@dataclass(frozen=True)
class Report:
    """A dataset, compared with what it is expected to hold.

    A day is expected as soon as the vendor adds no more records to it; so is an hour, if the partitions are
    hours. If they are intervals, the next one is expected as soon as one of the longest length so far has
    ended.

    :param dataset: What is published.
    :param settle: How long after its end the vendor may still add records to a span of time.
    :param zone: The time zone whose days the partitions are.
    :param asked: The days to report on.
    :param now: The current time, UTC.
    """

    dataset: Dataset
    settle: timedelta
    zone: ZoneInfo
    asked: AskedDays
    now: datetime

    @cached_property
    def days(self) -> list[tuple[date, Window]]:
        """The days of the report with the moments at which they begin and end; later days are left out."""
        first = self.asked.first or self._day_of(self.dataset.span.start)
        last = min(self.asked.last or self._default_last, self._today)
        found = ((day, self._midnight(day), self._midnight(day + _DAY)) for day in _dates(first, last))
        # A zone that crosses the date line skips a day.
        return [(day, Window(start, end)) for day, start, end in found if start < end]

    @property
    def span(self) -> Window | None:
        """From the first to the last day; ``None`` if the report has no days."""
        return Window(self.days[0][1].start, self.days[-1][1].end) if self.days else None

    @cached_property
    def partitions(self) -> list[PartitionFacts]:
        """The partitions of these days."""
        span = self.span
        return [each for each in self.dataset.partitions if span and clip_to(span, [each.covers])]

    @cached_property
    def gaps(self) -> list[Window]:
        """What is not published although it has settled, and was kept by the vendor when it was due."""
        due = self._due_until
        return [Window(each.start, min(each.end, due)) for each in self._unpublished if each.start < due]

    @cached_property
    def waiting(self) -> list[Window]:
        """What is not published because it has not settled, or because its run has not been due yet."""
        return minus(self._unpublished, self.gaps)

    @cached_property
    def early(self) -> list[Window]:
        """What was exported before it had settled, so that records may be missing."""
        wait = self.settle.total_seconds()
        return self._clipped(
            each.covers for each in self.partitions if each.requested_at < each.covers.end.timestamp() + wait
        )

    @cached_property
    def empty(self) -> list[Window]:
        """What was exported and has no records."""
        return self._clipped(each.covers for each in self.partitions if not each.records)

    @cached_property
    def overlaps(self) -> list[Window]:
        """What is published more than once."""
        return self._clipped(self.dataset.overlaps)

    @cached_property
    def expired(self) -> list[Window]:
        """What the vendor no longer kept when it was exported, and no partition covers."""
        return self._clipped(self.dataset.expired)

    @cached_property
    def marks(self) -> list[tuple[date, str]]:
        """Each day with its character of `LEGEND`."""
        return [(day, self._mark(window)) for day, window in self.days]

    @property
    def totals(self) -> Totals:
        """How many days are published, empty, missing and unsettled."""
        marks = [mark for _, mark in self.marks]
        waiting, early = union(self.waiting), self.early
        missing = sum(1 for _, window in self.days if clip_to(window, self.gaps))
        unsettled = sum(1 for _, window in self.days if clip_to(window, [*waiting, *early]))
        published = sum(1 for _, window in self.days if not gaps(window, self._covered))
        return Totals(published, marks.count("."), missing, unsettled)

    @property
    def last_commit(self) -> datetime | None:
        """When the newest of the partitions was committed, in UTC; ``None`` if there are none."""
        newest = max((each.committed_at for each in self.partitions), default=None)
        return None if newest is None else datetime.fromtimestamp(newest, UTC)

    @cached_property
    def _covered(self) -> list[Window]:
        # Joined once: a year of hours has thousands of partitions, and each day is compared with all of them.
        return union(each.covers for each in self.partitions)

    @cached_property
    def _with_records(self) -> list[Window]:
        return union(each.covers for each in self.partitions if each.records)

    @cached_property
    def _unpublished(self) -> list[Window]:
        if self.span is None:
            return []
        start = self.span.start if self.asked.first else max(self.span.start, self.dataset.span.start)
        return minus(gaps(Window(start, self.span.end), self._covered), self.dataset.expired)

    @cached_property
    def _due_until(self) -> datetime:
        """Return the moment before which everything should be published by now."""
        settled = self.now - self.settle
        kinds = {each.kind for each in self.dataset.partitions}
        if kinds == {"hour"}:
            return settled - (settled - _EPOCH) % _HOUR
        if kinds == {"interval"}:
            reached = self.dataset.span.end
            longest = max(each.covers.length for each in self.dataset.partitions)
            return max(reached, reached + (settled - reached) // longest * longest)
        return self._midnight(self._day_of(settled))

    @property
    def _default_last(self) -> date:
        yesterday = self._today - _DAY
        published = self._day_of(self.dataset.span.end - timedelta(microseconds=1))
        return yesterday if self.asked.until_yesterday else max(yesterday, published)

    @property
    def _today(self) -> date:
        return self._day_of(self.now)

    def _day_of(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def _midnight(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)

    def _clipped(self, windows: Iterable[Window]) -> list[Window]:
        return [] if self.span is None else union(clip_to(self.span, windows))

    def _mark(self, day: Window) -> str:
        if clip_to(day, self.overlaps):
            return "!"
        missing = sum((gap.length for gap in gaps(day, self._covered)), timedelta(0))
        if missing:
            return self._mark_of_unpublished(day, is_whole=missing == day.length)
        if clip_to(day, self.early):
            return "?"
        return "#" if clip_to(day, self._with_records) else "."

    def _mark_of_unpublished(self, day: Window, *, is_whole: bool) -> str:
        if not clip_to(day, self.gaps):
            if clip_to(day, self.waiting):
                return "?"
            if clip_to(day, self.expired):
                return "x"
        return "-" if is_whole else "~"


def _dates(first: date, last: date) -> Iterator[date]:
    return map(date.fromordinal, range(first.toordinal(), last.toordinal() + 1))
