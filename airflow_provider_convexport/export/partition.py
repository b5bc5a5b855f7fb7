"""Partitions: which folder a record belongs to, and the folders that one interval fills."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, get_args
from urllib.parse import quote

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.window import Window

if TYPE_CHECKING:
    from collections.abc import Mapping

PartitionBy = Literal["day", "hour", "interval"]

_STEP = {"day": timedelta(days=1), "hour": timedelta(hours=1)}
_FOLDER = {"day": "dt=%Y-%m-%d", "hour": "dt=%Y-%m-%d/hour=%H", "interval": "interval_start=%Y%m%dT%H%M%SZ"}


@dataclass(frozen=True, slots=True)
class PartitionGrid:
    """The partitions of one interval, numbered from 0 in order of time.

    :param interval: The run's interval.
    :param by: ``"day"`` or ``"hour"`` (UTC), or ``"interval"`` for one partition.
    :param scope: Shop or bot; its parts become the leading folders, quoted as path segments.
    :raises ConfigurationError: for another ``by``, or an interval that is not made of whole days or hours.
    """

    interval: Window
    by: PartitionBy
    scope: Mapping[str, str]
    start: float = field(init=False)
    """Start of the interval in epoch seconds, closed."""
    end: float = field(init=False)
    """End of the interval in epoch seconds, open."""
    step_seconds: float = field(init=False)
    """Length of one partition in seconds."""
    last: int = field(init=False)
    """Number of the last partition."""

    def __post_init__(self) -> None:
        if self.by not in get_args(PartitionBy):
            raise ConfigurationError(f"partition_by={self.by!r} is not one of {list(get_args(PartitionBy))}.")
        step = self.step
        if self.by != "interval" and (_offset(self.interval.start, step) or _offset(self.interval.end, step)):
            raise ConfigurationError(
                f"partition_by={self.by!r} needs an interval of whole UTC {self.by}s, but this run has "
                f"{self.interval}; use a schedule in UTC that ends on a full {self.by}, or a finer "
                "partition_by ('hour' or 'interval')."
            )
        object.__setattr__(self, "start", self.interval.start.timestamp())
        object.__setattr__(self, "end", self.interval.end.timestamp())
        object.__setattr__(self, "step_seconds", step.total_seconds())
        object.__setattr__(self, "last", self.count - 1)

    @property
    def step(self) -> timedelta:
        """Length of one partition."""
        return _STEP.get(self.by, self.interval.length)

    @property
    def count(self) -> int:
        """Number of partitions."""
        return self.interval.length // self.step

    def index_of(self, moment: float) -> int:
        """Return the number of the partition nearest to ``moment`` (epoch seconds)."""
        offset = (moment - self.start) // self.step_seconds
        return int(min(max(offset, 0), self.last))

    def window_of(self, index: int) -> Window:
        """Return the span of a partition."""
        start = self.interval.start + index * self.step
        return Window(start, start + self.step)

    def folder_of(self, index: int) -> str:
        """Return a partition's folder, relative to the destination, without a final slash."""
        scope = "".join(f"{name}={quote(value, safe='')}/" for name, value in self.scope.items())
        return scope + self.window_of(index).start.strftime(_FOLDER[self.by])


def _offset(moment: datetime, step: timedelta) -> timedelta:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) % step
