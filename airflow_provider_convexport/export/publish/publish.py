"""Publishes partitions: writes the files, replaces the manifest, then deletes the files of other versions.

A partition's manifest is replaced only by a writer that has seen the version which it replaces
(`Store.replace`), and of two versions the one wins whose records were requested later.

Files are deleted in an order that leaves every version whole which can still be published:

1. The manifest is read, then the lease is checked. A writer whose lease was deleted before it read the
   manifest stops here.
2. The folder is listed, then the plans. Whoever may still publish a file has a plan in staging.
3. The manifest is replaced, by the new version, or by the same version with another time in ``checked_at``.
   A writer that froze earlier now finds another version than the one that it has seen, and starts over at 1.
4. The files that were listed and belong neither to the manifest nor to a plan are deleted.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_convexport.errors import DestinationUnavailableError, SupersededError
from airflow_provider_convexport.export.dataset.manifest import (
    MANIFEST,
    Manifest,
    check_replaceable,
    see_manifest,
)
from airflow_provider_convexport.export.publish.digest import digest_of_partition
from airflow_provider_convexport.export.publish.plan import Plan
from airflow_provider_convexport.export.publish.write import VersionWriter, moment_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_convexport.export.dataset.manifest import Seen
    from airflow_provider_convexport.export.dataset.partition import PartitionGrid
    from airflow_provider_convexport.export.job import Job
    from airflow_provider_convexport.export.publish.plan import PartitionPlan
    from airflow_provider_convexport.export.stage.attempt import Attempt

log = logging.getLogger(__name__)

_OURS = re.compile(r"part-([0-9a-f]{16})-\d{5,}\.jsonl(\.gz|\.zst)?")
"""Names of published files; other files in the folder are never deleted."""
_MAX_ROUNDS = 100
"""So often a manifest may be replaced by others while this run wants to replace it."""


@dataclass(frozen=True, slots=True)
class Publisher:
    """Carries out one plan; it is idempotent, even if several attempts and runs publish concurrently.

    :param job: What is exported.
    :param grid: The run's partitions.
    :param attempt: The running attempt; its lease is checked before a manifest is written.
    :param plan: What to publish.
    :param now: Returns the current time as epoch seconds.
    """

    job: Job
    grid: PartitionGrid
    attempt: Attempt
    plan: Plan
    now: Callable[[], float]

    def publish(self, partition: PartitionPlan) -> Manifest:
        """Publish one partition and return its manifest, or the existing one if that is to be kept.

        :raises SupersededError: if a newer attempt has taken over.
        :raises ConfigurationError: if the partition was written by another kind of export.
        :raises DestinationUnavailableError: if others replace the manifest again and again.
        """
        try:
            return self._publish(partition)
        except SupersededError:
            self._withdraw(partition.folder)
            raise

    def _publish(self, partition: PartitionPlan) -> Manifest:
        writer = VersionWriter(self.job, self.grid, self.attempt.store, self.plan, partition, self.now)
        for _ in range(_MAX_ROUNDS):
            seen = see_manifest(self.attempt.store, partition.folder)
            manifest = self._kept(seen.manifest, writer) or writer.written
            self.attempt.check()
            if published := self._settle(partition.folder, seen, manifest):
                return published
        raise self._too_many_rounds(partition.folder)

    def tidy_after_older_attempts(self) -> None:
        """Delete the files that older attempts of this task wrote for other plans.

        Such an attempt may have written files after this one looked into the folder, or to partitions that
        this one does not publish. In a partition that was never published they stay: only a manifest can
        stop a frozen writer.

        :raises SupersededError: if a newer attempt has taken over.
        :raises DestinationUnavailableError: if others replace a manifest again and again.
        """
        for plan in self.attempt.drop_older_plans(Plan, keep=self.plan.commit):
            for partition in plan.partitions:
                if partition.files:
                    self._tidy(partition.folder)

    def _withdraw(self, folder: str) -> None:
        """Delete the files that this attempt wrote after newer attempts had come to their end.

        As long as one of them goes on, it publishes the same plan or deletes the files.
        """
        if not self.attempt.is_planned(self.plan.commit):
            self._tidy(folder)

    def _tidy(self, folder: str) -> None:
        for _ in range(_MAX_ROUNDS):
            seen = see_manifest(self.attempt.store, folder)
            if seen.manifest is None or self._settle(folder, seen, seen.manifest):
                return
        raise self._too_many_rounds(folder)

    def _kept(self, there: Manifest | None, writer: VersionWriter) -> Manifest | None:
        """Return the published version if it is to be kept instead of being replaced."""
        if there is None or there.commit == self.plan.commit:
            return there
        folder, index = writer.partition.folder, writer.partition.index
        check_replaceable(there, self.attempt.store.url_of(folder), self.job.query, self.grid, index)
        return there if self._is_better(there, writer) else None

    def _is_better(self, there: Manifest, writer: VersionWriter) -> bool:
        """Return whether another run's version is newer than this run's, covers more, or is the same."""
        folder = writer.partition.folder
        covered = self.grid.covered_of(writer.partition.index)
        if there.seconds_after(self.plan.requested_at) > 0:
            log.warning(
                "The partition %s keeps the version of %s.%s (%s), whose records were requested later.",
                folder,
                there.dag_id,
                there.task_id,
                there.run_id,
            )
            return True
        if there.covers.start < covered.start and there.covers.covers(covered):
            return True  # published when the vendor still kept more
        if not self.job.skip_unchanged or there.covers != covered:
            return False
        if there.records != writer.records:
            return False
        try:
            return self._has_all_files(folder, there) and writer.digest == digest_of_partition(
                self.attempt.store, folder, there
            )
        except FileNotFoundError:
            return False

    def _has_all_files(self, folder: str, manifest: Manifest) -> bool:
        there = set(self.attempt.store.find(folder))
        return all(f"{folder}/{file.name}" in there for file in manifest.files)

    def _settle(self, folder: str, seen: Seen, manifest: Manifest) -> Manifest | None:
        """Replace the manifest that was seen and delete the files that no version needs any more.

        :param folder: The partition's folder.
        :param seen: The manifest that was read before any file of ``manifest`` was written.
        :param manifest: The manifest to write, or the one that was seen if that is to stay.
        :returns: The manifest that is there now; ``None`` if somebody else has replaced it in the meantime.
        """
        store, stays = self.attempt.store, manifest is seen.manifest
        leftovers = self._leftovers(folder, manifest, replaced=None if stays else seen.manifest)
        if stays and not leftovers:
            return manifest
        if stays and store.is_conditional:
            moment = moment_text(self.now())
            manifest = msgspec.structs.replace(manifest, checked_at=moment or "")
        if stays and not store.is_conditional:
            if see_manifest(store, folder) != seen:
                return None
        elif not store.replace(f"{folder}/{MANIFEST}", manifest.encode(), seen.version):
            return None
        store.delete(leftovers)
        return manifest

    def _leftovers(self, folder: str, manifest: Manifest, *, replaced: Manifest | None) -> list[str]:
        """Return the files that belong neither to a manifest nor to the plan of a run that goes on.

        Files are listed first, then plans: a plan exists from before its first file is written until after
        its manifest is written. The plan of the version that is replaced does not count if its records were
        requested earlier: then it does not come back.
        """
        wanted = {file.name for file in manifest.files}
        names = (path.removeprefix(f"{folder}/") for path in self.attempt.store.find(folder))
        unknown = {name: ours[1] for name in names if (ours := _OURS.fullmatch(name)) and name not in wanted}
        if not unknown:
            return []
        planned = self.attempt.planned_elsewhere()
        if replaced is not None and replaced.seconds_after(self.plan.requested_at) < 0:
            planned.discard(replaced.commit)
        return [f"{folder}/{name}" for name, commit in unknown.items() if commit not in planned]

    def _too_many_rounds(self, folder: str) -> DestinationUnavailableError:
        return DestinationUnavailableError(
            url=self.attempt.store.url_of(folder),
            problem=f"others replaced its manifest {_MAX_ROUNDS} times while this run tried to",
            connection=self.attempt.store.connection,
        )
