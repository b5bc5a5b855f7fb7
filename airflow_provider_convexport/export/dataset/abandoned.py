"""Staging of tasks that do not come back: found by its age, and deleted.

Staged work belongs to a task as a whole, because a try may continue from objects in the folders of earlier
tries. A task counts as abandoned if nothing was written to any of its folders since a moment that lies
further back than the maximum age of work that is resumed. Then

* no later try of it reads what is there: checkpoint and plans are not newer than the newest object, so they
  are too old to be used. A try that begins while the staging is deleted has a folder of its own, which is not
  touched. Only the sum of the vendor's pauses begins again.
* an earlier try that has slept ever since finds no lease when it wakes up, and stops; if it was about to
  replace a manifest, it does so only if nobody has replaced that in the meantime, and files are deleted only
  by somebody who has.
* nothing is lost that is published, and what is not published stays unpublished: clearing the task exports
  its interval again. Files that it has written without a manifest are deleted when the partition is published
  next.

Leases are deleted first, so that such a try stops, then plans, then everything else. If the deletion is
interrupted, the next one continues it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_convexport.export.dataset.listing import StoredObject, objects_below
from airflow_provider_convexport.export.dataset.store import STAGING
from airflow_provider_convexport.export.parallel import in_parallel

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_convexport.export.dataset.store import Store

STAGED = re.compile(rf"(?P<task>(?:.+/)?{STAGING}/[0-9a-f]{{20}})/[0-9a-f]{{20}}/[^/]+/.+")
"""Names of staged objects: of a task, a fingerprint and an attempt; other people's files are left alone."""
_THREADS = 64


@dataclass(frozen=True, slots=True)
class AbandonedTask:
    """The staging of a task that nothing was written to for a long time.

    :param folder: Its folder relative to the destination.
    :param objects: Its objects.
    :param written_at: When the newest of them was written, in epoch seconds.
    """

    folder: str
    objects: tuple[StoredObject, ...]
    written_at: float

    @property
    def bytes(self) -> int:
        """Size of all objects."""
        return sum(each.bytes for each in self.objects)

    @property
    def has_plan(self) -> bool:
        """Return whether all its records were staged, so that it may be published in part."""
        return any(each.last.startswith("plan-") for each in self.objects)


def find_abandoned(store: Store, names: Iterable[str], *, before: float) -> list[AbandonedTask]:
    """Return the staging of all tasks that nothing was written to since a moment.

    Costs one listing per destination that has staging. Staging is left out if the store does not tell when
    its objects were written.

    :param store: The destination, or a folder above several of them.
    :param names: Names of all objects below the store's root.
    :param before: The moment in epoch seconds; must be earlier than the saving of any work that is resumed.
    """
    found: dict[str, list[StoredObject]] = defaultdict(list)
    for _, objects in in_parallel(
        lambda folder: list(objects_below(store, folder)), _staging_folders(names), threads=_THREADS
    ):
        for each in objects:
            if staged := STAGED.fullmatch(each.name):
                found[staged["task"]].append(each)
    newest = {task: _newest(objects) for task, objects in found.items()}
    return [
        AbandonedTask(task, tuple(found[task]), written_at)
        for task, written_at in sorted(newest.items())
        if written_at < before
    ]


def sweep(store: Store, tasks: Sequence[AbandonedTask]) -> None:
    """Delete the staging of tasks, exactly the objects that were found.

    :raises DestinationUnavailableError: if the store does not answer properly; calling it again continues.
    """
    objects = [each for task in tasks for each in task.objects]
    leases = [each.name for each in objects if each.last == "lease"]
    plans = [each.name for each in objects if each.last.startswith("plan-")]
    store.delete(leases)
    store.delete(plans)
    store.delete(sorted({each.name for each in objects} - {*leases, *plans}))
    for task in tasks:
        store.prune(task.folder)


def _staging_folders(names: Iterable[str]) -> list[str]:
    folders = {staged["task"].rpartition("/")[0] for name in names if (staged := STAGED.fullmatch(name))}
    return sorted(folders)


def _newest(objects: Iterable[StoredObject]) -> float:
    """Return when the newest object was written; infinity if that is not known of each."""
    return max(float("inf") if each.written_at is None else each.written_at for each in objects)
