"""The commands that fill the gaps of a dataset."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_convexport.backfill_command import backfill_command, trigger_command
from airflow_provider_convexport.export.window import Window
from airflow_provider_convexport.page.catalog import slots_of
from airflow_provider_convexport.page.extra import moment
from airflow_provider_convexport.page.model import DAY, PROBLEMS, stretches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from airflow_provider_convexport.backfill_command import Reprocess
    from airflow_provider_convexport.page.events import Source
    from airflow_provider_convexport.page.extra import Extra
    from airflow_provider_convexport.page.model import Cell, Dataset, State

_MONTH = 28 * DAY
_MONTHS_DIFFER = 3 * DAY
"""Months differ by so much; a run that begins so much earlier is there already and is not made again."""
_REMEDY: dict[State, Reprocess] = {
    "missing": "failed",
    "late": "failed",
    "expiring": "failed",
    "failed": "completed",
}


class Gap(NamedTuple):
    """Consecutive days of one state that somebody should look at.

    :param first: The first day; ``last`` is inclusive.
    :param command: What fills the gap; empty if nothing can.
    :param is_paused: Whether the Dag of the command is paused, so that it starts no runs.
    :param days_left: Days until the vendor begins to forget the first day; ``None`` if it does not say.
    """

    state: State
    first: date
    last: date
    command: str
    dag_id: str
    is_paused: bool
    days_left: int | None


def gaps_of(dataset: Dataset, calendar: Iterable[Cell], feeds: Sequence[tuple[Source, Extra]]) -> list[Gap]:
    """Return the gaps of a dataset, the most urgent first.

    :param calendar: Its days.
    :param feeds: The tasks that export to it, the newest last.
    """
    cells = {each.day: each for each in calendar}
    found = []
    for state in PROBLEMS:
        for first, last in stretches([day for day, cell in cells.items() if cell.state == state]):
            source, command = _fill(dataset, state, first, last, feeds)
            found.append(
                Gap(
                    state,
                    first,
                    last,
                    command,
                    source.dag_id if source else "",
                    bool(source and source.is_paused),
                    cells[first].days_left,
                )
            )
    return found


def days_command(dataset: Dataset, first: date, last: date, feeds: Sequence[tuple[Source, Extra]]) -> str:
    """Return the command that exports days again whose runs have succeeded; empty without a Dag."""
    return _fill(dataset, "failed", first, last, feeds)[1]


def _fill(
    dataset: Dataset, state: State, first: date, last: date, feeds: Sequence[tuple[Source, Extra]]
) -> tuple[Source | None, str]:
    """Return the task that can fill a gap and the command; an empty one for what is lost."""
    if state not in _REMEDY or not feeds:
        return None, ""
    start, end = dataset.bounds(first.toordinal())[0], dataset.bounds(last.toordinal())[1]
    scheduled = sorted(_scheduled(feeds), key=lambda each: (abs(each[1]), -each[0].last_at))
    if not scheduled:
        source = feeds[-1][0]
        return source, trigger_command(source.dag_id, Window(_utc(start), _utc(end)))
    source, offset, length, step = scheduled[0]
    slack = _MONTHS_DIFFER if length >= _MONTH else 0
    begin = start - length - offset + min(step, DAY) - slack
    finish = max(begin, end - length - offset) if length > step else end - offset - min(step, DAY)
    slots = slots_of(dataset.key.vendor)
    return source, backfill_command(
        source.dag_id, _utc(begin), _utc(finish), slots=slots, reprocess=_REMEDY[state]
    )


def _scheduled(feeds: Iterable[tuple[Source, Extra]]) -> Iterator[tuple[Source, int, int, int]]:
    """Yield the tasks of scheduled Dags, with how their intervals relate to those of their runs, in seconds.

    These are: from the start of a run's data interval to that of the exported one, the length of the
    exported one, and the length of the run's.
    """
    for source, extra in feeds:
        if source.run_start is None or source.run_end is None or extra.interval is None:
            continue
        start, end = moment(extra.interval[0]), moment(extra.interval[1])
        step = int(source.run_end - source.run_start)
        if step > 0:
            yield source, start - int(source.run_start), end - start, step


def _utc(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
