"""A schedule whose runs have export windows as their data intervals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import pendulum
from airflow.timetables.base import DagRunInfo, DataInterval, Timetable

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.window import Window, utc
from airflow_provider_convexport.timetables.grid import DAY, HORIZON, MOST_DAYS, Unit, WindowGrid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.timetables.base import TimeRestriction

_WEEK = timedelta(days=7)


class ExportWindowTimetable(Timetable):
    """Runs have aligned windows on a fixed grid, the same for the scheduler, backfills and manual runs.

    Each run's data interval is one window of `WindowGrid`: whole local days, never longer than
    ``max_length``, one beginning where the other ends.

    **The first window is the one that contains the start.** A backfill whose ``--from-date`` lies inside a
    window exports that window from its beginning, as the scheduled run of that window would. For the
    scheduler the start is the Dag's ``start_date``. Airflow creates no tasks for *scheduled* runs whose
    logical date, here the window's start, lies before ``start_date``, and marks them successful, so begin a
    Dag on the grid::

        windows = ExportWindowTimetable.for_vendor("ada")
        with DAG("ada", schedule=windows, start_date=windows.window_start(datetime(2026, 1, 1, tzinfo=UTC))):

    A backfill is not subject to that. It creates the windows that begin on ``--to-date`` or before and have
    ended; the last may end later than asked.

    A manual run gets the last window that was complete at its logical date, whether or not ``delay`` has
    passed; with ``catchup=False`` the scheduler starts with the last window whose run is due.

    After a change of schedule the first window begins where the last run's interval ended. A run without
    width, of a cron string for instance, occupies that logical date; then the window that contains it is
    left to the old schedule, and it is better to give the Dag a new ``dag_id``.

    :param unit: ``"days"``, ``"weeks"`` (from Monday) or ``"months"``.
    :param size: Days per window for ``unit="days"``, 1 to 366, counted from Monday, 1970-01-05.
    :param max_length: Longest window, 1 to 366 days; ``None`` for no cap. Months, weeks and, with clocks set
        back, blocks of days that are longer are cut inside themselves into about equal parts. Days of 25
        hours are only cut if nothing else helps.
    :param delay: How long after its window's end a run starts, up to 366 days.
    :param timezone: IANA name of the zone whose days are meant. Operators need the same
        ``partition_timezone``, or ``partition_by="interval"``.
    :raises ConfigurationError: if the arguments do not make a schedule; says what to write instead.
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
        self._grid = WindowGrid(unit, size, max_length, timezone)
        if not isinstance(delay, timedelta) or not timedelta(0) <= delay <= MOST_DAYS * DAY:
            raise ConfigurationError(f"delay={delay!r} is not a timedelta from 0 to {MOST_DAYS} days.")
        self._delay = delay
        self.description = _description(self._grid, delay)

    @classmethod
    def for_vendor(cls, vendor: str, *, stream: str = "conversations", **overrides: Any) -> Self:
        """Return the schedule with the fewest runs that one request window each can serve.

        ``max_length`` is the longest window that the vendor accepts (`Stream.max_window`: 59 days for Ada,
        29 for Applied Labs), and a week where it does not say (AgentX). ``delay`` is the stream's
        `Stream.settle`. Windows are as many days as fit into ``max_length`` unless ``unit`` or ``size`` says
        otherwise.

        For an export that is to be fresh, pass ``size=1``.

        :param vendor: Machine name, such as ``"ada"``.
        :param stream: ``"conversations"`` or, where the vendor has them apart, ``"messages"``.
        :param overrides: Any argument of the constructor.
        :raises ConfigurationError: if there is no such vendor or stream, or as for the constructor.
        """
        # Imported here since it is for Dag files; the scheduler reads the outcome from the serialised Dag.
        from airflow_provider_convexport.hooks.vendors import stream_of  # noqa: PLC0415

        known = stream_of(vendor, stream)
        arguments: dict[str, Any] = {
            "max_length": known.max_window or _WEEK,
            "delay": known.settle,
            **overrides,
        }
        cap = arguments["max_length"]
        if arguments.get("unit", "days") == "days" and isinstance(cap, timedelta):
            arguments.setdefault("size", max(cap // DAY, 1))
        return cls(**arguments)

    def window_start(self, moment: datetime) -> pendulum.DateTime:
        """Return the start of the window that contains ``moment``: a good ``start_date``.

        :param moment: A moment with a time zone.
        :raises ConfigurationError: if it has no time zone.
        """
        try:
            return _pendulum(self._grid.window_at(moment).start)
        except ValueError as error:
            raise ConfigurationError(str(error)) from None

    def windows(self, start: datetime, end: datetime) -> Iterator[Window]:
        """Yield the windows that together cover ``start <= t < end``, the data intervals of a backfill.

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
            window = self._grid.window_at(window.end)

    def infer_manual_data_interval(self, *, run_after: pendulum.DateTime) -> DataInterval:
        """Return the last window that was complete at ``run_after``."""
        return _interval(self._grid.complete_by(run_after))

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return the next window and when its run may start; ``None`` if there is none.

        The same for the same arguments, but for ``catchup=False``, where it depends on the clock.
        """
        now = None if restriction.catchup else datetime.now(UTC)
        window = self._next_window(last_automated_data_interval, restriction, now=now)
        if window is None or (restriction.latest is not None and window.start > utc(restriction.latest)):
            return None
        start, end = _interval(window)
        # Not by its constructor, whose arguments differ from one Airflow to another.
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
        """Unit, cap and zone, for the list of Dags."""
        grid = self._grid
        cap = "" if grid.max_length is None else f", at most {_words(grid.max_length)}"
        return f"{_unit_words(grid)}{cap}, {grid.timezone}"

    def serialize(self) -> dict[str, Any]:
        """Return the constructor's arguments as JSON values, lengths in seconds."""
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
        """Return the timetable that `serialize` wrote."""
        cap = data["max_length"]
        return cls(
            data["unit"],
            size=data["size"],
            max_length=None if cap is None else timedelta(seconds=cap),
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


def _description(grid: WindowGrid, delay: timedelta) -> str:
    parts = [f"Windows of {_unit_words(grid)} in {grid.timezone}"]
    if grid.max_length is not None:
        parts.append(f"none longer than {_words(grid.max_length)}")
    parts.append(
        f"each run {_words(delay)} after its window's end" if delay else "each run at its window's end"
    )
    return ", ".join(parts)


def _unit_words(grid: WindowGrid) -> str:
    if grid.unit == "days":
        return "1 day" if grid.size == 1 else f"{grid.size} days"
    return f"1 {grid.unit.removesuffix('s')}"


def _words(length: timedelta) -> str:
    """Write a length for people: ``"29 days"``, ``"2:00:00"``."""
    return str(length).removesuffix(", 0:00:00")
