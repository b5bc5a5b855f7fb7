"""An attempt: its staging folder, its lease (fencing), and the checkpoints and plans of earlier attempts.

``_staging/<task>/<fingerprint>/<attempt>/`` holds an attempt's objects:

* ``lease``: the attempt may continue as long as this exists; a newer attempt deletes it.
* ``segments-*``: staged records.
* ``checkpoint-*``: the progress of each request window, and the valid segments; see `Series`.
* ``plan-<commit>.json``: written when all records are staged; it assigns segments to files.

Two attempts may run concurrently (a worker that lost its network, and the retry). The newer one deletes the
older one's lease and *then* reads its checkpoint or plan; the older one writes its plan and *then* checks its
lease. So either the older one finds no lease and stops, or the newer one finds the plan and publishes exactly
that: the same names with the same bytes. An attempt copies such a plan into its own folder before it
publishes, so that everybody sees the plan for as long as somebody may publish it. Which attempt is newer is
decided by Airflow's order of the tries; of two attempts of one try, the one is newer that began later. This
relies on read-after-write consistency, which all supported stores guarantee.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

import msgspec

from airflow_provider_convexport.errors import SupersededError
from airflow_provider_convexport.export.stage.checkpoint import Saved
from airflow_provider_convexport.export.stage.series import CHECKPOINT, Series
from airflow_provider_convexport.export.stage.staged_name import StagedName, staged, task_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from airflow_provider_convexport.export.dataset.store import Store
    from airflow_provider_convexport.export.stage.checkpoint import Checkpoint
    from airflow_provider_convexport.export.stage.window_queue import RequestWindow

PlanT = TypeVar("PlanT", bound=Saved)

_LEASE = "lease"
_PLAN = "plan-"


@dataclass(frozen=True, slots=True)
class Attempt:
    """The running attempt of a task instance.

    :param store: The destination.
    :param task: Name of the task instance's folder below ``_staging``.
    :param fingerprint: Digest of all settings that must be equal if earlier work is to be resumed.
    :param name: Name of the attempt's own folder; the names of newer attempts sort after it.
    :param is_first: Whether no older attempt had staged anything that was left when this one registered. One
        that registers later finds this one's lease and stops.
    """

    store: Store
    task: str
    fingerprint: str
    name: str
    is_first: bool = False
    _series: Series = field(default_factory=Series, compare=False, repr=False)

    @classmethod
    def begin(
        cls, store: Store, *, task: str, fingerprint: str, order: int = 0, generation: int | None = None
    ) -> Attempt:
        """Register a new attempt and delete the leases of all older ones.

        :param store: The destination.
        :param task: Name of the task instance's folder.
        :param fingerprint: Digest of all settings that must be equal if earlier work is to be resumed.
        :param order: Airflow's order of the tries; a newer try has a higher number.
        :param generation: See `next_generation`; it is looked up if it is not given.
        :raises SupersededError: if an attempt of a newer try, or a newer attempt of this try, has registered.
        """
        generation = next_generation(store, task) if generation is None else generation
        name = f"{order:015d}-{generation:06d}-{secrets.token_hex(8)}"
        lease = StagedName(task, fingerprint, name, _LEASE)
        attempt = cls(replace(store, scratch=lease.folder), task, fingerprint, name)
        try:
            attempt.store.put(lease.path, b"held\n")
        except FileNotFoundError:
            # On a local disk a newer attempt that cleans up deletes the file that is being written.
            if not store.is_local:
                raise
            store.delete([lease.path])
            raise SupersededError(_SUPERSEDED) from None
        there = attempt._objects()
        leases = [each for each in there if each.name == _LEASE]
        if any(other.attempt > name for other in leases):
            store.delete([lease.path])
            raise SupersededError(_SUPERSEDED)
        store.delete(other.path for other in leases if other.attempt < name)
        return replace(attempt, is_first=all(each.attempt == name for each in there))

    def path(self, name: str) -> str:
        """Return the name of an object in this attempt's folder."""
        return f"{self._folder}/{name}"

    @property
    def _folder(self) -> str:
        return task_folder(self.task, self.fingerprint, self.name)

    def check(self) -> None:
        """Check that this attempt still has its lease; call after staging and before publishing.

        :raises SupersededError: if a newer attempt has taken over.
        """
        if self.store.get(self.path(_LEASE)) is not None:
            return
        # A listing that is made while a newer attempt registers may contain neither lease.
        if not any(each.name == _LEASE for _ in range(2) for each in self._objects()):
            # The newer attempt has finished and cleaned up, so nobody else deletes what this one wrote since.
            mine = [each.path for each in self._objects() if each.attempt == self.name]
            self.store.delete([*mine, self.path(_LEASE)])
        raise SupersededError(_SUPERSEDED)

    def probed(self) -> Attempt:
        """Return this attempt on a store of which is known whether it has conditional writes."""
        return replace(self, store=self.store.probed(self.path("probe")))

    def save_checkpoint(
        self,
        checkpoint: Checkpoint,
        put: Callable[[str, bytes], None] | None = None,
        *,
        changed: Sequence[RequestWindow] | None = None,
    ) -> None:
        """Write what is new in a checkpoint since this attempt wrote or read the last one.

        :param checkpoint: The whole checkpoint.
        :param put: Writes an object; if left out, it is written before this returns.
        :param changed: The request windows that may have changed since then; all if left out.
        """
        self._series.append(checkpoint, folder=self._folder, put=put or self.store.put, changed=changed)

    def save_plan(self, plan: Saved, *, commit: str) -> None:
        """Write the complete plan; this and every later attempt then publish exactly this plan.

        :raises SupersededError: if a newer attempt has taken over, which may not have seen the plan.
        """
        self.store.put(self.path(f"{_PLAN}{commit}.json"), msgspec.json.encode(plan))
        self.check()

    def newest_checkpoint(self, *, not_before: float) -> Checkpoint | None:
        """Return the newest usable checkpoint of this task instance; ``None`` if there is none.

        :param not_before: Older checkpoints are not used; epoch seconds.
        """
        newest = {each.attempt: each.path for each in self._found(CHECKPOINT)}
        for _, name in sorted(newest.items(), reverse=True):
            if found := self._series.read(name, get=self.store.get, not_before=not_before):
                return found
        return None

    def adopt_plan(self, kind: type[PlanT], *, not_before: float) -> PlanT | None:
        """Return the newest usable plan of this task instance after copying it into this attempt's folder.

        :param kind: Type of the plan.
        :param not_before: Older plans are not used; epoch seconds.
        :returns: The plan; ``None`` if there is none, or if an attempt that has carried it out removes it.
        :raises SupersededError: if a newer attempt has taken over.
        """
        for each, plan in self._saved_plans(kind):
            if plan.saved_at < not_before:
                continue
            copy = self.path(each.name)
            self.store.put(copy, msgspec.json.encode(plan))
            self.check()
            if self.store.get(each.path) is not None:
                return plan
            self.store.delete([copy])
        return None

    def drop_older_plans(self, kind: type[PlanT], *, keep: str) -> list[PlanT]:
        """Delete the plans of older attempts, so that nobody carries them out any more, and return them.

        :param kind: Type of the plans.
        :param keep: Id of the commit whose plans are not deleted.
        :raises SupersededError: if a newer attempt has taken over.
        """
        if self.is_first:
            return []
        older = [each for each in self._plans() if each.attempt < self.name and _commit_of(each) != keep]
        if not older:
            return []
        self.check()
        plans = [_decoded(self.store.get(each.path), kind) for each in older]
        self.store.delete(each.path for each in older)
        return [plan for plan in plans if plan is not None]

    def drop_plan(self, commit: str) -> None:
        """Delete a plan from the folders of this and older attempts, so that nobody carries it out any more.

        :raises SupersededError: if a newer attempt has taken over.
        """
        plans = [each for each in self._plans() if each.attempt <= self.name and _commit_of(each) == commit]
        self.check()
        self.store.delete(each.path for each in plans)

    def is_planned(self, commit: str) -> bool:
        """Return whether any attempt of this task instance still has a plan."""
        return any(_commit_of(each) == commit for each in self._plans())

    def discard(self) -> None:
        """Delete everything that this and older attempts staged, so that the next one starts anew.

        :raises SupersededError: if a newer attempt has taken over.
        """
        ended = self._ended()
        self.check()
        self.store.delete(each.path for each in ended)

    def finish(self) -> None:
        """Delete everything that this and older attempts staged, after publication.

        Plans are deleted after everything else except the lease: as long as the plan exists, a retry uses it
        instead of exporting again. The first attempt deletes all with one operation; a retry after a kill in
        its midst, if there is one, may have to export again. The objects of a newer attempt are not deleted.

        :raises SupersededError: if a newer attempt has taken over; it cleans up.
        """
        ended, lease = self._ended(), self.path(_LEASE)
        if not (self.is_first and any(each.path == lease for each in ended)):
            self.check()
        plans = [each.path for each in ended if each.name.startswith(_PLAN)]
        others = [each.path for each in ended if each.path not in (*plans, lease)]
        if self.is_first:
            self.store.delete([*others, *plans, lease])
        else:
            self.store.delete(others)
            self.store.delete([*plans, lease])
            # An older attempt that still runs may have written objects in between and left them to this one;
            # from here on it finds no lease and cleans up itself.
            attempts = {each.attempt for each in ended}
            self.store.delete(each.path for each in self._objects() if each.attempt in attempts)
        self.store.prune(task_folder(self.task))

    def planned(self, *, by_older: bool) -> set[str]:
        """Return the ids of commits that somebody may still publish, apart from this attempt.

        :param by_older: Whether to include the plans of older attempts of this task. They have ended if this
            attempt still has its lease after this call.
        """
        plans = [each for each in staged(self.store) if each.name.startswith(_PLAN)]
        if not by_older:
            plans = [each for each in plans if each.task != self.task or each.attempt > self.name]
        return {_commit_of(each) for each in plans if (each.task, each.attempt) != (self.task, self.name)}

    def _ended(self) -> list[StagedName]:
        """Return the objects of this and older attempts.

        The older ones have ended if this attempt still has its lease after this call: an older one that
        registers later finds that lease and stops.
        """
        return [each for each in self._objects() if each.attempt <= self.name]

    def _plans(self) -> list[StagedName]:
        return [each for each in self._objects() if each.name.startswith(_PLAN)]

    def _saved_plans(self, kind: type[PlanT]) -> Iterator[tuple[StagedName, PlanT]]:
        """Yield the plans of attempts with the same fingerprint, that of the newest attempt first.

        :param kind: Type of the plans; those in another format are left out.
        """
        for each in sorted(self._found(_PLAN), key=lambda each: each.attempt, reverse=True):
            saved = _decoded(self.store.get(each.path), kind)
            if saved is not None:
                yield each, saved

    def _found(self, prefix: str) -> list[StagedName]:
        """Return the objects of attempts with the same fingerprint whose names begin with ``prefix``."""
        if self.is_first:
            return []
        folder = task_folder(self.task, self.fingerprint)
        return [each for each in staged(self.store, folder) if each.name.startswith(prefix)]

    def _objects(self) -> list[StagedName]:
        return list(staged(self.store, task_folder(self.task)))


_SUPERSEDED = (
    "A newer attempt of this task has taken over the export, so this one stopped and publishes nothing more; "
    "look at the newest try of the task."
)


def _commit_of(plan: StagedName) -> str:
    return plan.name.removeprefix(_PLAN).removesuffix(".json")


def _generation(attempt: str) -> int:
    return int(attempt.split("-")[1])


def _decoded(content: bytes | None, kind: type[PlanT]) -> PlanT | None:
    if content is None:
        return None
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError:
        return None  # written by a version of this package with another format


def next_generation(store: Store, task: str) -> int:
    """Return the number of the next attempt of a task instance, which is higher than those of its attempts.

    :param store: The destination.
    :param task: Name of the task instance's folder.
    """
    return max((_generation(each.attempt) for each in staged(store, task_folder(task))), default=0) + 1
