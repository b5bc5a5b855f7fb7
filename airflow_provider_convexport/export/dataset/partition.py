"""Partitions: how an interval is divided, and the folder and key of each part."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, get_args
from urllib.parse import quote

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.window import Window, zone_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from zoneinfo import ZoneInfo

PartitionBy = Literal["day", "hour", "interval"]

_STEP = {"day": timedelta(days=1), "hour": timedelta(hours=1)}
_FOLDER = {"day": "dt=%Y-%m-%d", "hour": "dt=%Y-%m-%d/hour=%H", "interval": "interval_start=%Y%m%dT%H%M%SZ"}
_KEY = {"day": "%Y-%m-%d", "hour": "%Y-%m-%dT%H:%M:%S", "interval": "%Y-%m-%dT%H:%M:%S"}


@dataclass(frozen=True, slots=True)
class PartitionGrid:
    """The partitions of one interval, numbered from 0 in chronological order.

    :param interval: The run's interval.
    :param by: ``"day"`` or ``"hour"``, or ``"interval"`` for one partition.
    :param scope: Shop or bot; its parts become the leading folders, quoted as path segments.
    :param timezone: IANA name of the zone that defines the days; hours are always those of UTC.
    :param kept_from: Start of what is exported, because the vendor no longer keeps older records; ``None`` if
        it keeps everything.
    :raises ConfigurationError: if ``by`` or the zone does not exist, or the interval does not consist of
        whole days or hours.
    """

    interval: Window
    by: PartitionBy
    scope: Mapping[str, str]
    timezone: str = "UTC"
    kept_from: datetime | None = None
    start: float = field(init=False)
    """Start of what is published, in epoch seconds, inclusive."""
    end: float = field(init=False)
    """End of the interval in epoch seconds, exclusive."""
    starts: list[float] = field(init=False, compare=False)
    """Start of each partition, in epoch seconds."""
    _windows: tuple[Window, ...] = field(init=False, repr=False, compare=False)
    _zone: ZoneInfo = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.by not in get_args(PartitionBy):
            raise ConfigurationError(f"partition_by={self.by!r} is not one of {list(get_args(PartitionBy))}.")
        object.__setattr__(self, "_zone", zone_of(self.timezone, argument="partition_timezone"))
        if self.by == "hour" and self.timezone != "UTC":
            raise ConfigurationError(
                f"partition_by='hour' uses the hours of UTC, so partition_timezone={self.timezone!r} cannot "
                "be combined with it; leave it out, or use partition_by='day'."
            )
        try:
            object.__setattr__(self, "_windows", tuple(self._divided()))
        except OverflowError:
            raise ConfigurationError(
                f"The interval {self.interval} cannot be divided into {self.by}s of {self.timezone}, because "
                "the first or the last would reach beyond the years 1 to 9999; use another interval."
            ) from None
        object.__setattr__(self, "starts", [window.start.timestamp() for window in self._windows])
        begin = self.interval.start if self.kept_from is None else self.kept_from
        object.__setattr__(self, "start", begin.timestamp())
        object.__setattr__(self, "end", self.interval.end.timestamp())

    @property
    def count(self) -> int:
        """Number of partitions."""
        return len(self._windows)

    @property
    def published(self) -> range:
        """Numbers of the exported partitions: all except those of which the vendor keeps nothing."""
        return range(self.index_of(self.start), self.count)

    def index_of(self, moment: float) -> int:
        """Return the number of the partition that holds ``moment`` (epoch seconds), or of the nearest one."""
        return max(bisect_right(self.starts, moment) - 1, 0)

    def window_of(self, index: int) -> Window:
        """Return the span of a partition."""
        return self._windows[index]

    @property
    def expired(self) -> Window | None:
        """The first part of the interval, if the vendor no longer keeps it."""
        return None if self.kept_from is None else Window(self.interval.start, self.kept_from)

    def covered_of(self, index: int) -> Window:
        """Return the exported part of a partition, of which the vendor must keep at least a part."""
        window = self._windows[index]
        return window if self.kept_from is None else Window(max(window.start, self.kept_from), window.end)

    def folder_of(self, index: int) -> str:
        """Return a partition's folder, relative to the destination, without a final slash."""
        scope = "".join(f"{folder}/" for folder in scope_folders(self.scope))
        return scope + self._local_start(index).strftime(_FOLDER[self.by])

    def key_of(self, index: int) -> str:
        """Return a partition's Airflow key: ``2026-04-01`` for a day, otherwise its start to the second."""
        return self._local_start(index).strftime(_KEY[self.by])

    def _local_start(self, index: int) -> datetime:
        start = self._windows[index].start
        return start.astimezone(self._zone) if self.by == "day" else start

    def _divided(self) -> Iterator[Window]:
        if self.by == "interval":
            yield self.interval
            return
        bounds = list(self._bounds())
        if bounds[0] != self.interval.start or bounds[-1] != self.interval.end:
            raise ConfigurationError(
                f"partition_by={self.by!r} needs an interval of whole {self.timezone} {self.by}s, but this "
                f"run has {self.interval}; use a schedule in {self.timezone} that ends on a full {self.by}, "
                "or a finer partition_by ('hour' or 'interval')."
            )
        for start, end in pairwise(bounds):
            yield Window(start, end)

    def _bounds(self) -> Iterator[datetime]:
        """Yield the starts of all days or hours that overlap the interval, and the end of the last one."""
        step, zone = _STEP[self.by], self._zone
        first = self.interval.start.astimezone(zone)
        # Arithmetic in local time: one day later on the wall clock, however long that day is.
        local = first.replace(hour=first.hour if self.by == "hour" else 0, minute=0, second=0, microsecond=0)
        bound = local.replace(fold=0).astimezone(UTC)
        yield bound
        while bound < self.interval.end:
            local += step
            following = local.replace(fold=0).astimezone(UTC)
            if following > bound:  # a zone that moved across the date line skips a day
                bound = following
                yield bound


def scope_folders(scope: Mapping[str, str]) -> list[str]:
    """Return the names of the folders of a shop or bot, the outer one first; none if there is no scope."""
    return [f"{name}={quote(value, safe='')}" for name, value in scope.items()]
