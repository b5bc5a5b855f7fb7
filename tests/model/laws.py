"""The invariants, checked at every change of the store and at the end of an order."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_convexport.export.dataset.manifest import Manifest
from airflow_provider_convexport.export.dataset.store import STAGING
from airflow_provider_convexport.export.stage.staged_name import StagedName
from tests.model.schedule import KILLED, LATE, Violation
from tests.support.samples import APRIL_1, DAY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_convexport.export.dataset.partition import PartitionGrid
    from airflow_provider_convexport.export.job import Job
    from airflow_provider_convexport.export.publish.plan import Plan
    from airflow_provider_convexport.export.stage.segment import Segment
    from tests.model.memory import Bucket
    from tests.model.schedule import Actor, Scheduler
    from tests.model.vendor import Page, Vendor

WHOLE = "a manifest names whole files that exist"
ONE_VERSION = "what is published is one version's whole set"
NEWEST_WINS = "the newest version that was asked for wins"
NOTHING_LEFT = "nothing is left when all have ended"
NO_FOREIGN_DELETE = "nobody deletes what a live manifest or plan names"
EXPECTED_END = "every actor ends as expected"
LATER_TRY_STAYS = "a running try is not superseded by an earlier one"
NOTHING_LEFT_ELSEWHERE = "nothing is left in partitions that no last run covers"
LAWS = (WHOLE, ONE_VERSION, NEWEST_WINS, NOTHING_LEFT, NO_FOREIGN_DELETE, EXPECTED_END, LATER_TRY_STAYS,
        NOTHING_LEFT_ELSEWHERE)  # fmt: skip

DAYS = [(APRIL_1 + number * DAY).timestamp() for number in range(5)]
"""Starts of the days that are exported, in epoch seconds."""
_MANIFEST = msgspec.json.Decoder(Manifest)


@dataclass(frozen=True, slots=True)
class Version:
    """What one plan publishes: when it was asked for (epoch seconds), and the content of each folder."""

    requested_at: float
    contents: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Success:
    """A run that returned: what it found or wrote in each folder."""

    name: str
    job: Job
    grid: PartitionGrid
    version: Version
    manifests: dict[str, Manifest]


@dataclass(slots=True)
class Laws:
    """The invariants, and what they have to remember.

    :param vendor: What the truth is compared with.
    :param scheduler: Ends the order when an invariant does not hold.
    :param ignored: Invariants that are not checked.
    :param saves_often: Whether a checkpoint is saved after every request instead of after the last.
    """

    vendor: Vendor
    scheduler: Scheduler
    saves_often: bool = True
    bucket: Bucket = field(init=False)
    live: dict[str, Manifest] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)
    versions: dict[str, Version] = field(default_factory=dict)
    successes: list[Success] = field(default_factory=list)
    ignored: frozenset[str] = frozenset()
    _pages: dict[tuple[str, int], Page] = field(default_factory=dict)
    _collected: dict[str, Version] = field(default_factory=dict)
    _plans: dict[str, set[StagedName]] = field(default_factory=lambda: defaultdict(set))
    _dropped: dict[str, Actor] = field(default_factory=dict)
    """Who deleted the plan of a commit."""
    _early: set[str] = field(default_factory=set)
    """Files that were written to partitions without a manifest."""
    _writers: dict[str, Actor] = field(default_factory=dict)
    """Who wrote each file last."""

    # --- what actors tell ----------------------------------------------------------------------------

    def requested(self, staged: str, index: int, page: Page) -> None:
        """Remember a page, by the object and the partition that it will be staged in."""
        self._pages[staged, index] = page

    def collected(self, grid: PartitionGrid, segments: Sequence[Segment], requested_at: float) -> None:
        """Remember what the plan that is made next has to publish."""
        found: dict[int, bytes] = defaultdict(bytes)
        ids: dict[int, list[str]] = defaultdict(list)
        for segment in segments:
            page = self._pages[segment.object, segment.partition]
            found[segment.partition] += page.content
            ids[segment.partition] += page.ids
        for index in grid.published:
            covered = grid.covered_of(index)
            asked = self.vendor.page(
                _day(covered.start.timestamp()), covered.start.timestamp(), at=requested_at
            )
            if len(set(ids[index])) != len(ids[index]) or not set(ids[index]) >= set(asked.ids):
                self._fail(ONE_VERSION, f"{self._actor} staged {ids[index]} instead of {asked.ids}")
        contents = {_folder(grid, index): found[index] for index in grid.published}
        self._collected[self._actor] = Version(requested_at, contents)

    def succeeded(self, job: Job, grid: PartitionGrid, plan: Plan, manifests: Mapping[int, Manifest]) -> None:
        """Remember what a run returned."""
        by_folder = {_folder(grid, index): manifest for index, manifest in manifests.items()}
        version = self.versions[plan.commit]
        self.successes.append(Success(self._actor, job, grid, version, by_folder))

    # --- what the store tells ------------------------------------------------------------------------

    def written(self, name: str, content: bytes) -> None:
        """Check a write that has just happened."""
        folder, _, last = name.rpartition("/")
        if name.startswith(STAGING):
            self._staged(name, last)
        elif last == "_manifest.json":
            self._published(folder, content)
        elif name in self.named:
            self._check_whole(folder, self.live[folder])
        elif folder not in self.live:
            self._early.add(name)
        if last.startswith("part-") and self.scheduler.current is not None:
            self._writers[name] = self.scheduler.current

    def deleting(self, name: str) -> None:
        """Check a deletion that is about to happen."""
        folder, _, last = name.rpartition("/")
        if name in self.named:
            self._fail(WHOLE, f"{self._actor} deletes {name}, which the manifest names")
        elif last == "_manifest.json":
            self._fail(NO_FOREIGN_DELETE, f"{self._actor} deletes {name}")
        elif name.startswith(STAGING):
            self._deleting_staged(name)
        elif last.startswith("part-"):
            self._deleting_part(folder, last)

    def _staged(self, name: str, last: str) -> None:
        staged = StagedName(*name.split("/")[1:]) if name.count("/") == 4 else None
        if staged is None:
            return
        actor = self.scheduler.current
        if last == "lease" and actor is not None:
            actor.attempt, actor.folder, actor.registered_at = (
                staged.attempt,
                staged.task,
                self.scheduler.steps,
            )
        elif last.startswith("plan-"):
            commit = _commit_of(last)
            self._plans[commit].add(staged)
            if commit not in self.versions:  # otherwise it is a copy
                self.versions[commit] = self._collected[self._actor]

    def _published(self, folder: str, content: bytes) -> None:
        manifest = _MANIFEST.decode(content)
        version = self.versions.get(manifest.commit)
        if version is None or folder not in version.contents:
            self._fail(ONE_VERSION, f"{self._actor} publishes {folder} without a plan for it")
            return
        there = self.live.get(folder)
        if there is not None and there.requested_at > manifest.requested_at:
            self._fail(
                NEWEST_WINS,
                f"{self._actor} puts the version requested at {manifest.requested_at} over the one "
                f"requested at {there.requested_at} in {folder}",
            )
        self.live[folder] = manifest
        self._check_whole(folder, manifest)
        self.named = {f"{at}/{file.name}" for at, each in self.live.items() for file in each.files}

    def _check_whole(self, folder: str, manifest: Manifest) -> None:
        blobs = [self.bucket.objects.get(f"{folder}/{file.name}") for file in manifest.files]
        missing = [f.name for f, blob in zip(manifest.files, blobs, strict=True) if blob is None]
        if missing:
            self._fail(
                WHOLE, f"the manifest that {self._actor} writes in {folder} names {missing}, which is gone"
            )
            return
        content = b"".join(blob.content for blob in blobs if blob is not None)
        if content != self.versions[manifest.commit].contents[folder]:
            self._fail(
                ONE_VERSION, f"what {self._actor} publishes in {folder} is not what its request returned"
            )

    def _deleting_staged(self, name: str) -> None:
        actor = self.scheduler.current
        if actor is not None and "/plan-" in name:
            self._dropped[_commit_of(name.rpartition("/")[2])] = actor
        if actor is None or actor.attempt is None or name.count("/") != 4:
            return
        staged = StagedName(*name.split("/")[1:])
        # A file that is renamed to the first object of an attempt is older than what is known of the attempt.
        if staged.attempt == actor.attempt or staged.name.startswith("writing-"):
            return
        if staged.task != actor.folder:
            self._fail(NO_FOREIGN_DELETE, f"{actor.name} deletes {name} of another task")
        elif staged.attempt > actor.attempt:
            self._fail(NO_FOREIGN_DELETE, f"{actor.name} deletes {name} of a newer attempt")
        elif staged.name == "lease":
            self._check_takeover(actor, staged.attempt)

    def _check_takeover(self, actor: Actor, attempt: str) -> None:
        other = next(each for each in self.scheduler.actors if each.attempt == attempt)
        if other.state != KILLED and other.order > actor.order:
            self._fail(LATER_TRY_STAYS, f"{actor.name} deletes the lease of {other.name}")

    def _holds_lease(self, attempt: str) -> bool:
        return any(name.endswith(f"/{attempt}/lease") for name in self.bucket.objects)

    def _deleting_part(self, folder: str, last: str) -> None:
        commit = _commit_of(last)
        there = self.live.get(folder)
        if there is not None and _seconds_after(there, self.versions[commit].requested_at) > 0:
            return  # its plan cannot be published here any more
        for plan in self._plans[commit]:
            if plan.path in self.bucket.objects and not self._may_give_up(plan) and self._is_live(plan):
                self._fail(
                    NO_FOREIGN_DELETE, f"{self._actor} deletes {folder}/{last}, which {plan.path} names"
                )

    def _may_give_up(self, plan: StagedName) -> bool:
        """Return whether the running actor may delete what a plan names: its own, or one it took over."""
        actor = self.scheduler.current
        if actor is None or plan.task != actor.folder or actor.attempt is None:
            return False
        return plan.attempt == actor.attempt or (
            plan.attempt < actor.attempt and self._holds_lease(actor.attempt)
        )

    def _is_live(self, plan: StagedName) -> bool:
        """Return whether an attempt may still carry out a plan."""
        newest = ""
        for name in self.bucket.names(f"{STAGING}/{plan.task}"):
            each = StagedName(*name.split("/")[1:])
            newest = max(newest, each.attempt)
            if each.name == "lease" and each.fingerprint == plan.fingerprint and each.attempt >= plan.attempt:
                return True
        return newest == plan.attempt

    # --- the end -------------------------------------------------------------------------------------

    def check_end(self) -> None:
        """Check what has to hold when each task has run to its end."""
        if left := self.bucket.names(STAGING):
            self._fail(NOTHING_LEFT, f"{left[0]} and {len(left) - 1} more objects are left in staging")
        for name in self.bucket.objects:
            folder, _, last = name.rpartition("/")
            if last.startswith("part-") and folder in self.live and name not in self.named:
                law = NOTHING_LEFT if self._is_covered_by_last_run(folder, last) else NOTHING_LEFT_ELSEWHERE
                if law == NOTHING_LEFT_ELSEWHERE and self._may_stay(name):
                    continue
                self._fail(law, f"{name} is left, and no manifest names it")
        for success in self.successes:
            for folder, manifest in success.manifests.items():
                self._check_success(success, folder, manifest)

    def _may_stay(self, name: str) -> bool:
        """Return whether a file of a dead try may stay in a partition that nobody publishes any more.

        Of two versions that were requested at the same moment, either may come back; files that were written
        before the first manifest are not deleted without one; and a try may be killed after it has deleted a
        plan and before it deletes the plan's files.
        """
        dropped_by = self._dropped.get(name.rpartition("/part-")[2].split("-")[0])
        is_killed = dropped_by is not None and dropped_by.state == KILLED
        # A superseded try deletes its file itself, unless it never comes to that.
        is_gone = self._writers[name].state in (KILLED, LATE)
        return self.vendor.tick > 1 or name in self._early or is_killed or is_gone

    def _is_covered_by_last_run(self, folder: str, last: str) -> bool:
        """Return whether the last run of the task that wrote a file has published the file's folder."""
        task = next(iter(self._plans[_commit_of(last)])).task
        runs = [each for each in self.successes if each.job.task_key == task]
        return folder in runs[-1].manifests

    def _check_success(self, success: Success, folder: str, manifest: Manifest) -> None:
        if self.live[folder].requested_at < manifest.requested_at:
            self._fail(
                NEWEST_WINS, f"{success.name} returned a version of {folder} that an older one replaced"
            )
        if _seconds_after(manifest, success.version.requested_at) >= 0:
            return
        index = next(i for i in success.grid.published if _folder(success.grid, i) == folder)
        if manifest.covers != success.grid.covered_of(index):
            return  # published when the vendor still kept more
        kept = self.versions[manifest.commit].contents[folder]
        if not success.job.skip_unchanged or kept != success.version.contents[folder]:
            self._fail(NEWEST_WINS, f"{success.name} kept an older version of {folder} that is not the same")

    @property
    def _actor(self) -> str:
        return self.scheduler.current.name if self.scheduler.current else "nobody"

    def _fail(self, law: str, sentence: str) -> None:
        if law in self.ignored:
            return
        self.scheduler.tell(f"!!! {sentence}")
        self.scheduler.fail(Violation(law, sentence))


def _commit_of(name: str) -> str:
    return name.split("-")[1].removesuffix(".json")


def _day(epoch: float) -> int:
    return bisect_right(DAYS, epoch) - 1


def _seconds_after(manifest: Manifest, epoch: float) -> float:
    return datetime.fromisoformat(str(manifest.requested_at)).timestamp() - epoch


_FOLDERS: dict[tuple[int, int], str] = {}


def _folder(grid: PartitionGrid, index: int) -> str:
    """Return a partition's folder; grids live as long as their jobs, which is for ever."""
    key = id(grid), index
    if key not in _FOLDERS:
        _FOLDERS[key] = grid.folder_of(index)
    return _FOLDERS[key]
