"""One try of a task: its staging folder, its right to publish (fencing), and what earlier tries left behind.

``_staging/<task>/<fingerprint>/<attempt>/`` holds an attempt's objects:

* ``lease``: the attempt may continue for as long as this exists; a newer attempt deletes it.
* ``segments-*``: staged records.
* ``checkpoint.json``: how far the collection is, and the segments that hold its records.
* ``plan-<commit>.json``: the collection is complete; exactly these segments become these files.

Two attempts may be alive at once (a worker that lost its network, and the retry). The newer one deletes the
older one's lease and *then* reads its checkpoint or plan; the older one writes its plan and *then* looks for
its lease. So either the older one notices and stops, or the newer one sees the plan and publishes exactly
that: the same names with the same bytes. No order of events lets two attempts publish different versions,
and no clocks are compared. It relies on read-after-write consistency, which all supported stores promise.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import msgspec

from airflow_provider_convexport.errors import SupersededError
from airflow_provider_convexport.export.dataset.store import STAGING
from airflow_provider_convexport.export.stage.checkpoint import Checkpoint, Saved

if TYPE_CHECKING:
    from airflow_provider_convexport.export.dataset.store import Store

PlanT = TypeVar("PlanT", bound=Saved)

_LEASE = "lease"
_CHECKPOINT = "checkpoint.json"
_PLAN = "plan-"


@dataclass(frozen=True, slots=True)
class Attempt:
    """The running try of a task.

    :param store: The destination.
    :param task: Name of the task instance's folder under ``_staging``.
    :param fingerprint: Of everything that must be equal for earlier work to be usable.
    :param name: The attempt's own folder name; a later attempt's sorts after it.
    """

    store: Store
    task: str
    fingerprint: str
    name: str

    @classmethod
    def begin(cls, store: Store, *, task: str, fingerprint: str, try_number: int = 1) -> Attempt:
        """Register a new attempt and end the right of all earlier ones to go on.

        :param store: The destination.
        :param task: Name of the task instance's folder.
        :param fingerprint: Of everything that must be equal for earlier work to be usable.
        :param try_number: Airflow's; of two attempts that register at once, the higher one goes on.
        :raises SupersededError: if a newer attempt registered at the same moment.
        """
        generation = max((int(name.split("-")[0]) for name in _attempts(store, task)), default=0) + 1
        name = f"{generation:06d}-{try_number:04d}-{secrets.token_hex(8)}"
        folder = f"{STAGING}/{task}/{fingerprint}/{name}"
        attempt = cls(replace(store, scratch=folder), task, fingerprint, name)
        try:
            attempt.store.put(attempt.path(_LEASE), b"held\n")
        except FileNotFoundError:
            # On a local disk a newer attempt that cleans up takes the half-written file away.
            if not store.is_local:
                raise
            store.delete([attempt.path(_LEASE)])
            raise SupersededError(_SUPERSEDED) from None
        leases = {path: path.split("/")[-2] for path in attempt._objects() if path.endswith(f"/{_LEASE}")}
        if any(other > name for other in leases.values()):
            store.delete([attempt.path(_LEASE)])
            raise SupersededError(_SUPERSEDED)
        store.delete(path for path, other in leases.items() if other < name)
        return attempt

    def path(self, name: str) -> str:
        """Return the name of an object in this attempt's folder."""
        return f"{STAGING}/{self.task}/{self.fingerprint}/{self.name}/{name}"

    def check(self) -> None:
        """Make sure that this attempt may go on; call after staging and before publishing anything.

        :raises SupersededError: if a newer attempt has taken over.
        """
        if self.store.get(self.path(_LEASE)) is not None:
            return
        if not any(path.endswith(f"/{_LEASE}") for path in self._objects()):
            # The newer attempt has finished and cleaned up, so what this one wrote since is nobody's.
            self.store.delete([*self.store.find(self.path("").rstrip("/")), self.path(_LEASE)])
        raise SupersededError(_SUPERSEDED)

    def save_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Write how far the collection is, replacing this attempt's last checkpoint."""
        self.store.put(self.path(_CHECKPOINT), msgspec.json.encode(checkpoint))

    def save_plan(self, plan: Saved, *, commit: str) -> None:
        """Write the complete plan; from now on this and every later attempt publishes exactly that.

        :raises SupersededError: if a newer attempt has taken over, which may not have seen the plan.
        """
        self.store.put(self.path(f"{_PLAN}{commit}.json"), msgspec.json.encode(plan))
        self.check()

    def newest_checkpoint(self, *, not_before: float) -> Checkpoint | None:
        """Return the checkpoint of the newest attempt that left a usable one.

        :param not_before: An older one is not used; epoch seconds.
        """
        return self._newest(_CHECKPOINT, Checkpoint, not_before)

    def newest_plan(self, kind: type[PlanT], *, not_before: float) -> PlanT | None:
        """Return the plan of the newest attempt that left a usable one.

        :param kind: Type of the plan.
        :param not_before: An older one is not used; epoch seconds.
        """
        return self._newest(_PLAN, kind, not_before)

    def discard(self) -> None:
        """Throw away everything that this and earlier attempts staged, so that the next one begins anew."""
        self.store.delete(path for path in self._objects() if path.split("/")[3] <= self.name)

    def finish(self) -> None:
        """Remove everything that this and earlier attempts staged.

        Plans go last but for the lease: while one exists, a retry finds the work done instead of doing it
        again. What a newer attempt wrote is left alone.

        :raises SupersededError: if a newer attempt has taken over; it will do the cleaning.
        """
        self.check()
        paths = [path for path in self._objects() if path.split("/")[3] <= self.name]
        plans = [path for path in paths if path.split("/")[-1].startswith(_PLAN)]
        lease = self.path(_LEASE)
        self.store.delete(path for path in paths if path not in plans and path != lease)
        self.store.delete(plans)
        self.store.delete([lease])
        # An older attempt that is still alive may have written in between, relying on this one to clean up;
        # from here on it finds no lease and does so itself.
        self.store.delete(path for path in self._objects() if path.split("/")[3] <= self.name)
        self.store.prune(f"{STAGING}/{self.task}")

    def planned_elsewhere(self) -> set[str]:
        """Return the commits that other tasks, or newer attempts of this one, may still publish."""
        commits = set[str]()
        for path in self.store.find(STAGING):
            parts = path.split("/")
            is_elsewhere = parts[1] != self.task or parts[-2] > self.name
            if parts[-1].startswith(_PLAN) and is_elsewhere:
                commits.add(parts[-1].removeprefix(_PLAN).removesuffix(".json"))
        return commits

    def _newest(self, prefix: str, kind: type[PlanT], not_before: float) -> PlanT | None:
        folder = f"{STAGING}/{self.task}/{self.fingerprint}"
        names = [path for path in self.store.find(folder) if path.split("/")[-1].startswith(prefix)]
        for name in sorted(names, reverse=True):
            saved = _decoded(self.store.get(name), kind)
            if saved is not None and saved.saved_at >= not_before:
                return saved
        return None

    def _objects(self) -> list[str]:
        return self.store.find(f"{STAGING}/{self.task}")


_SUPERSEDED = (
    "A newer attempt of this task has taken over the export, so this one stopped and publishes nothing more; "
    "look at the newest try of the task."
)


def _decoded(content: bytes | None, kind: type[PlanT]) -> PlanT | None:
    if content is None:
        return None
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError:
        return None  # written by a version with another layout


def _attempts(store: Store, task: str) -> set[str]:
    """Return the names of all attempts that left anything."""
    return {path.split("/")[3] for path in store.find(f"{STAGING}/{task}")}
