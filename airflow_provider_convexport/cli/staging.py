"""Old staging of tasks that do not come back, for the command ``status``."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.cli.words import counted
from airflow_provider_convexport.durations import in_words
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.dataset.abandoned import find_abandoned, sweep
from airflow_provider_convexport.export.window import iso
from airflow_provider_convexport.operators.checkpoint_age import checkpoint_max_age

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from airflow_provider_convexport.export.dataset.abandoned import AbandonedTask
    from airflow_provider_convexport.export.dataset.store import Store

_DEFAULT = timedelta(days=30)
_LEAST = timedelta(days=7)
"""A try that is alive has written to its staging within this time."""
_MARGIN = timedelta(days=1)
"""Between the time after which work is not resumed and the time after which it may be removed."""
_MOST_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class OldStaging:
    """Staging that nothing was written to for some time.

    :param age: That time.
    :param tasks: The tasks that it belongs to.
    :param is_swept: Whether it has been removed.
    :param recent: The tasks whose staging is not that old, so that they may still run or be tried again.
    """

    age: timedelta
    tasks: list[AbandonedTask]
    is_swept: bool = False
    recent: tuple[AbandonedTask, ...] = ()


def staging_age(days: float | None) -> timedelta:
    """Return the age from which staging is reported, and may be removed.

    :param days: What ``--staging-age`` was given.
    :raises ConfigurationError: if tries may still need staging of that age.
    """
    least = max(_LEAST, checkpoint_max_age() + _MARGIN)
    if days is None:
        return max(_DEFAULT, least)
    if not least.total_seconds() <= days * 86_400 <= _MOST_DAYS * 86_400:
        raise ConfigurationError(
            f"--staging-age {days:g} is not a number of days from {least / timedelta(days=1):g} to "
            f"{_MOST_DAYS}; a task may still need newer staging, so write such a number or leave it out."
        )
    return timedelta(days=days)


def old_staging(
    store: Store,
    names: Iterable[str],
    *,
    age: timedelta,
    sweeps: bool,
    shows_all: bool = False,
    now: float | None = None,
) -> OldStaging:
    """Find staging that nothing was written to for some time, and remove it if that was asked for.

    :param store: The destination, or a folder above several of them.
    :param names: Names of all objects below the store's root.
    :param age: The time, as of `staging_age`.
    :param sweeps: Whether to remove it.
    :param shows_all: Whether to find staging that is not old as well.
    :param now: The current time in epoch seconds; the clock's if left out.
    """
    now = time.time() if now is None else now
    limit = now - age.total_seconds()
    found = find_abandoned(store, names, before=math.inf if shows_all else limit)
    tasks = [task for task in found if task.written_at < limit]
    if sweeps:
        sweep(store, tasks)
    recent = tuple(task for task in found if task.written_at >= limit)
    return OldStaging(age, tasks, is_swept=sweeps, recent=recent)


def staging_lines(old: OldStaging, *, option: str = "--sweep-staging") -> Iterator[str]:
    """Yield a sentence, and a line for each task; nothing if there is no old staging and nobody asked.

    :param option: The command's option that removes it.
    """
    since = f"staging that nothing was written to for {in_words(old.age)}"
    if old.is_swept:
        yield f"Removed {since}: {_amount(old.tasks)}." if old.tasks else f"There is no {since}."
    elif old.tasks:
        yield (f"There is {since}: {_amount(old.tasks)}. No try continues from it; remove it with {option}.")
    yield from map(_task_line, old.tasks)
    if old.recent:
        yield f"There is newer staging, of tasks that run or may be tried again: {_amount(old.recent)}."
    yield from map(_task_line, old.recent)


def staging_values(old: OldStaging) -> list[dict[str, Any]]:
    """Return the same as JSON values, one for each task."""
    return [
        *(_task_values(task, is_old=True, is_removed=old.is_swept) for task in old.tasks),
        *(_task_values(task, is_old=False, is_removed=False) for task in old.recent),
    ]


def _task_values(task: AbandonedTask, *, is_old: bool, is_removed: bool) -> dict[str, Any]:
    return {
        "folder": task.folder,
        "objects": len(task.objects),
        "bytes": task.bytes,
        "last_written": _moment(task),
        "has_plan": task.has_plan,
        "old": is_old,
        "removed": is_removed,
    }


def _amount(tasks: Sequence[AbandonedTask]) -> str:
    objects = counted(sum(len(task.objects) for task in tasks), "object")
    size = counted(sum(task.bytes for task in tasks), "byte")
    return f"{counted(len(tasks), 'task')}, {objects}, {size}"


def _task_line(task: AbandonedTask) -> str:
    return (
        f"  {task.folder}: {counted(len(task.objects), 'object')}, {counted(task.bytes, 'byte')}, "
        f"last written {_moment(task)}{', with a plan' if task.has_plan else ''}"
    )


def _moment(task: AbandonedTask) -> str:
    return iso(datetime.fromtimestamp(int(task.written_at), UTC))
