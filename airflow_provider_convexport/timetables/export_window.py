"""A timetable whose data intervals are schedule windows that a vendor accepts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import pendulum
from airflow.timetables.base import DagRunInfo, DataInterval, Timetable

from airflow_provider_convexport.durations import in_words
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.window import Window, utc
from airflow_provider_convexport.timetables.schedule_grid import DAY, HORIZON, MAX_DAYS, ScheduleGrid, Unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.timetables.base import TimeRestriction

_WEEK = timedelta(days=7)


class ExportWindowTimetable(Timetable):
    """Data intervals are windows on a fixed grid, the same for the scheduler, backfills and manual runs.

    Each run's data interval is one schedule window of `ScheduleGrid`: whole local days, never longer than
    ``max_length``. Each window begins where the previous one ends.

    **The first window is the one that contains the start.** A backfill whose ``--from-date`` lies inside a
    window exports that window from its beginning, as the scheduled run of that window would. For the
    scheduler the start is the Dag's ``start_date``. Airflow creates no tasks for *scheduled* runs whose
    logical date, which is the window's start, lies before ``start_date``, and marks them successful.
    Therefore let ``start_date`` be the start of a window::

        windows = ExportWindowTimetable.for_vendor("ada")
        with DAG("ada", schedule=windows, start_date=windows.window_start(datetime(2026, 1, 1, tzinfo=UTC))):

    Backfills do not have that restriction. A backfill creates the runs of all windows that begin at
    ``--to-date`` or earlier and have ended; the last one may end later than ``--to-date``.

    A manual run gets the last window that was complete at its logical date, whether or not ``delay`` has
    passed. With ``catchup=False`` the scheduler starts with the last window whose run is due.

    After a change of schedule the first window begins where the last run's interval ended. If the last run's
    interval has no length, as with a cron string, its logical date is taken; the window that contains it
    is then left to the old schedule. In that case a new ``dag_id`` is the better choice.

    :param unit: ``"days"``, ``"weeks"`` (from Monday) or ``"months"``.
    :param size: Days per window for ``unit="days"``, 1 to 366, counted from Monday, 1970-01-05.
    :param max_length: Maximum length of a window, 1 to 366 days; ``None`` for no maximum. Longer months,
        weeks and blocks of days (a block can be longer where clocks are set back) are divided into parts of
        about equal length. A day of 25 hours is only divided if it is longer than ``max_length`` itself.
    :param delay: How long after its window's end a run starts, 0 to 366 days.
    :param timezone: IANA name of the time zone whose days are meant. Operators need the same
        ``partition_timezone``, or ``partition_by="interval"``.
    :raises ConfigurationError: if an argument is invalid; says what to write instead.
    """

    def __init__(
        self,
        unit: Unit = "days",
        *,
        size: int = 1,
        max_length: timedelta | None = None,
        delay: timedelta = timedelta(0),
        timezone: str = "UTC",
    ) -> None:
        self._grid = ScheduleGrid(unit, size, max_length, timezone)
        if not isinstance(delay, timedelta) or not timedelta(0) <= delay <= MAX_DAYS * DAY:
            raise ConfigurationError(f"delay={delay!r} is not a timedelta from 0 to {MAX_DAYS} days.")
        self._delay = delay
        self.description = _description(self._grid, delay)

    @classmethod
    def for_vendor(cls, vendor: str, *, stream: str = "conversations", **overrides: Any) -> Self:
        """Return the schedule with the fewest runs, each no longer than one request to the vendor may span.

        ``max_length`` is the maximum that the vendor accepts (`Stream.max_window`: 59 days for Ada, 29 for
        Applied Labs), or a week where the vendor states none (AgentX). ``delay`` is the stream's
        `Stream.settle`. Windows have as many days as fit into ``max_length`` unless ``unit`` or ``size`` says
        otherwise; pass ``size=1`` to export every day.

        :param vendor: Machine name, such as ``"ada"``.
        :param stream: ``"conversations"`` or, if the vendor has that stream, ``"messages"``.
        :param overrides: Any arguments of the constructor.
        :raises ConfigurationError: if there is no such vendor or stream, or as for the constructor.
        """
        # Imported here, since only Dag files need it; the scheduler reads the result from the serialised Dag.
        from airflow_provider_convexport.hooks.vendors import stream_of  # noqa: PLC0415

        known = stream_of(vendor, stream)
        arguments: dict[str, Any] = {
            "max_length": known.max_window or _WEEK,
            "delay": known.settle,
            **overrides,
        }
        max_length = arguments["max_length"]
        if arguments.get("unit", "days") == "days" and isinstance(max_length, timedelta):
            arguments.setdefault("size", max(max_length // DAY, 1))
        return cls(**arguments)

    def window_start(self, moment: datetime) -> pendulum.DateTime:
        """Return the start, in UTC, of the window that contains ``moment``; suitable as ``start_date``.

        :param moment: A moment with a time zone.
        :raises ConfigurationError: if it has no time zone.
        """
        try:
            return _pendulum(self._grid.window_at(moment).start)
        except ValueError as error:
            raise ConfigurationError(str(error)) from None

    def windows(self, start: datetime, end: datetime) -> Iterator[Window]:
        """Yield the contiguous windows that cover ``start <= t < end``: the data intervals of a backfill.

        :param start: A moment with a time zone; the first window is the one that contains it.
        :param end: A moment with a time zone; the last window begins before it.
        :raises ConfigurationError: if either has no time zone.
        """
        try:
            window, limit = self._grid.window_at(start), min(utc(end), HORIZON)
        except ValueError as error:
            raise ConfigurationError(str(error)) from None
        while window.start < limit:
            yield window
            if window.end >= limit:
                return  # at the end of the calendar no other window follows
            window = self._grid.window_at(window.end)

    def infer_manual_data_interval(self, *, run_after: pendulum.DateTime) -> DataInterval:
        """Return the last window that was complete at ``run_after``."""
        return _interval(self._grid.complete_by(run_after))

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return the next window and the time from which its run may start; ``None`` if there is none.

        Depends on the clock only if ``catchup=False``.
        """
        now = None if restriction.catchup else datetime.now(UTC)
        window = self._next_window(last_automated_data_interval, restriction, now=now)
        if window is None or (restriction.latest is not None and window.start > utc(restriction.latest)):
            return None
        start, end = _interval(window)
        # Not made by the constructor, whose arguments differ between versions of Airflow.
        return DagRunInfo.interval(start, end)._replace(run_after=_pendulum(window.end + self._delay))

    def _next_window(
        self, last: DataInterval | None, restriction: TimeRestriction, *, now: datetime | None
    ) -> Window | None:
        windows = []
        if last is not None:
            if last.end >= HORIZON:
                return None
            windows.append(self._grid.after(last.start, last.end))
        if restriction.earliest is not None:
            windows.append(self._grid.window_at(restriction.earliest))
        if now is not None:
            windows.append(self._grid.complete_by(now - self._delay))
        return max(windows, default=None)

    @property
    def summary(self) -> str:
        """Unit, maximum length and time zone, for the list of Dags."""
        grid = self._grid
        maximum = "" if grid.max_length is None else f", at most {in_words(grid.max_length)}"
        return f"{_unit_in_words(grid)}{maximum}, {grid.timezone}"

    def serialize(self) -> dict[str, Any]:
        """Return the constructor's arguments as JSON values; lengths of time are in seconds."""
        grid = self._grid
        return {
            "unit": grid.unit,
            "size": grid.size,
            "max_length": None if grid.max_length is None else grid.max_length.total_seconds(),
            "delay": self._delay.total_seconds(),
            "timezone": grid.timezone,
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Self:
        """Return the timetable whose `serialize` returned ``data``."""
        seconds = data["max_length"]
        return cls(
            data["unit"],
            size=data["size"],
            max_length=None if seconds is None else timedelta(seconds=seconds),
            delay=timedelta(seconds=data["delay"]),
            timezone=data["timezone"],
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ExportWindowTimetable):
            return NotImplemented
        return (self._grid, self._delay) == (other._grid, other._delay)

    def __hash__(self) -> int:
        return hash((self._grid, self._delay))

    def __repr__(self) -> str:
        return f"ExportWindowTimetable({self.summary})"


def _interval(window: Window) -> DataInterval:
    return DataInterval(_pendulum(window.start), _pendulum(window.end))


def _pendulum(moment: datetime) -> pendulum.DateTime:
    return pendulum.instance(moment, tz="UTC")


def _description(grid: ScheduleGrid, delay: timedelta) -> str:
    parts = [f"Windows of {_unit_in_words(grid)} in {grid.timezone}"]
    if grid.max_length is not None:
        parts.append(f"none longer than {in_words(grid.max_length)}")
    parts.append(
        f"each run {in_words(delay)} after its window's end" if delay else "each run at its window's end"
    )
    return ", ".join(parts)


def _unit_in_words(grid: ScheduleGrid) -> str:
    if grid.unit == "days":
        return "1 day" if grid.size == 1 else f"{grid.size} days"
    return f"1 {grid.unit.removesuffix('s')}"
