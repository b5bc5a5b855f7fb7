"""Publishes partitions: writes the files, replaces the manifest, then deletes the files of other versions.

A partition's manifest is replaced only by a writer that has seen the version which it replaces
(`Store.replace`), and of two versions the one wins whose records were requested later.

The first attempt of a task publishes each partition with the fewest operations: it has read the manifest
before its first request, writes the files, checks its lease, and replaces the manifest that it has read.
Then it deletes the files of the version that it has replaced, which the old manifest names, if that one's
records were requested earlier: such a version does not come back. No plan of this task can have left other
files there.

Whoever cannot be sure of that lists the folder. Files are deleted in an order that leaves every version whole
which can still be published:

1. The plans of older attempts of the task are deleted, so that nobody carries them out any more.
2. The manifest is read, then the files of the new version are written.
3. The folder is listed, then the plans. Whoever may still publish a file has a plan in staging.
4. The lease is checked. A writer whose lease was deleted before it read the manifest stops here.
5. The manifest is replaced, by the new version, or by the same version with another time in ``checked_at``.
   A writer that froze earlier now finds another version than the one that it has seen, and starts over at 2.
6. The files that were listed and belong neither to the manifest nor to a plan are deleted.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import msgspec

from airflow_provider_convexport.errors import DestinationUnavailableError, SupersededError
from airflow_provider_convexport.export.dataset.manifest import (
    MANIFEST,
    Manifest,
    see_manifest,
)
from airflow_provider_convexport.export.dataset.survey import FILE_NAME, unnamed_files
from airflow_provider_convexport.export.parallel import in_parallel
from airflow_provider_convexport.export.publish.keep import kept_version
from airflow_provider_convexport.export.publish.plan import Plan
from airflow_provider_convexport.export.publish.staged_reader import BLOCK, StagedReader
from airflow_provider_convexport.export.publish.write import VersionWriter, moment_text
from airflow_provider_convexport.export.sharing import Allowance, SharedCheck

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from airflow_provider_convexport.export.dataset.compression import Compression
    from airflow_provider_convexport.export.dataset.manifest import Seen
    from airflow_provider_convexport.export.dataset.partition import PartitionGrid
    from airflow_provider_convexport.export.job import Job
    from airflow_provider_convexport.export.publish.plan import PartitionPlan
    from airflow_provider_convexport.export.stage.attempt import Attempt

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

log = logging.getLogger(__name__)

_MAX_ROUNDS = 100
"""So often a manifest may be replaced by others while this run wants to replace it."""
_PATIENCE = 10.0
"""Seconds in which, after an error of one thread, the others may complete what they are writing."""
_IN_MEMORY = 32 * 2**20
"""Bytes of files that are written at the same time; a file system may read a file whole to upload it."""


@dataclass(frozen=True, slots=True)
class Publisher:
    """Carries out one plan; it is idempotent, even if several attempts and runs publish concurrently.

    :param job: What is exported.
    :param grid: The run's partitions.
    :param attempt: The running attempt; its lease is checked before a manifest is written.
    :param plan: What to publish.
    :param now: Returns the current time as epoch seconds.
    :param seen: The manifests of partitions as they were before the first request; only of those whose
        folders held no other files then, and only if no other attempt can have written some since.
    :param threads: How many partitions are published at the same time at most.
    :param latest: Name and content of a staged object that need not be read again.
    """

    job: Job
    grid: PartitionGrid
    attempt: Attempt
    plan: Plan
    now: Callable[[], float]
    seen: Mapping[int, Seen] = field(default_factory=dict)
    threads: int = 1
    latest: tuple[str, bytes] | None = None
    check: Callable[[], None] = field(init=False)
    _reader: StagedReader = field(init=False)
    _memory: Allowance = field(default_factory=lambda: Allowance(_IN_MEMORY))
    _own_leftovers: set[str] = field(default_factory=set)
    """Folders that hold files of the plan although another version stays there."""

    def __post_init__(self) -> None:
        partitions = [self.plan.partitions[index] for index in self.grid.published]
        object.__setattr__(self, "check", SharedCheck(self.attempt.check))
        store = self.attempt.store
        reader = StagedReader(store, partitions, self.latest, block=0 if store.is_local else BLOCK)
        object.__setattr__(self, "_reader", reader)

    def publish_all(self) -> dict[int, Manifest]:
        """Publish all partitions of the run, and delete what older attempts of the task have left behind.

        :returns: The manifest of each partition, by its number in the grid; see `publish`.
        :raises SupersededError: if a newer attempt has taken over.
        :raises ConfigurationError: if a partition was written by another kind of export.
        :raises DestinationUnavailableError: if others replace a manifest again and again.
        """
        dropped = self.attempt.drop_older_plans(Plan, keep=self.plan.commit)
        partitions = (self.plan.partitions[index] for index in self.grid.published)
        manifests = {
            partition.index: manifest for partition, manifest in self._in_parallel(self.publish, partitions)
        }
        # An older attempt may have written files after this one looked into the folder, or to partitions that
        # this one does not publish. In a partition that was never published they stay: only a manifest can
        # stop a frozen writer.
        folders = {partition.folder for plan in dropped for partition in plan.partitions if partition.files}
        if self._own_leftovers:
            self.attempt.drop_plan(self.plan.commit)
        for _ in self._in_parallel(self._tidy, sorted(folders | self._own_leftovers)):
            pass
        return {index: manifests[index] for index in self.grid.published}

    def _in_parallel(
        self, function: Callable[[ItemT], ResultT], items: Iterable[ItemT]
    ) -> Iterator[tuple[ItemT, ResultT]]:
        return in_parallel(function, items, threads=self.threads, patience=_PATIENCE)

    def publish(self, partition: PartitionPlan) -> Manifest:
        """Publish one partition and return its manifest, or the existing one if that is to be kept.

        :raises SupersededError: if a newer attempt has taken over.
        :raises ConfigurationError: if the partition was written by another kind of export.
        :raises DestinationUnavailableError: if others replace the manifest again and again.
        """
        try:
            with self._memory.held(_bytes_in_memory(partition, self.job.compression)):
                writer = self._writer(partition)
                return self._publish_first(writer) or self._publish(writer)
        except (SupersededError, FileNotFoundError):
            # Staged objects are missing if a newer attempt has finished. As long as an attempt has the plan,
            # it publishes it or deletes the files.
            if not self.attempt.is_planned(self.plan.commit):
                self._tidy(partition.folder, superseded=True)
            raise

    def _writer(self, partition: PartitionPlan) -> VersionWriter:
        return VersionWriter(
            self.job, self.grid, self.attempt.store, self.plan, partition, self.now, self._reader
        )

    def _publish_first(self, writer: VersionWriter) -> Manifest | None:
        """Publish a partition that holds nothing but the version that was seen before the first request.

        :returns: Its manifest; ``None`` if the folder has to be looked at again.
        """
        partition = writer.partition
        seen = self.seen.get(partition.index)
        if seen is None:
            return None
        there = seen.manifest
        if there is not None and (
            there.seconds_after(self.plan.requested_at) >= 0 or kept_version(there, writer) is not None
        ):
            return None
        manifest = writer.write()
        self.check()
        if not self.attempt.store.replace(f"{partition.folder}/{MANIFEST}", manifest.encode(), seen.version):
            return None
        if there is not None:
            names = {file.name for file in there.files} - {file.name for file in manifest.files}
            # At once: if this attempt died before, others might take them for those of a run that goes on.
            self.attempt.store.delete(
                f"{partition.folder}/{name}" for name in names if FILE_NAME.fullmatch(name)
            )
        return manifest

    def _publish(self, writer: VersionWriter) -> Manifest:
        folder = writer.partition.folder
        for _ in range(_MAX_ROUNDS):
            seen = see_manifest(self.attempt.store, folder)
            # The files are written again in each round: whoever replaced the manifest may have deleted them.
            manifest = kept_version(seen.manifest, writer) or writer.write()
            leftovers = self._leftovers(folder, seen, manifest)
            self.check()
            if published := self._settle(folder, seen, manifest, leftovers):
                return published
        raise self._too_many_rounds(folder)

    def _tidy(self, folder: str, *, superseded: bool = False) -> None:
        """Delete the files of dead plans; those of this plan, too, which must not be in staging any more."""
        for _ in range(_MAX_ROUNDS):
            seen = see_manifest(self.attempt.store, folder)
            if seen.manifest is None:
                return
            leftovers = self._leftovers(folder, seen, seen.manifest, tidies=True, superseded=superseded)
            if not superseded:
                self.check()
            if self._settle(folder, seen, seen.manifest, leftovers):
                return
        raise self._too_many_rounds(folder)

    def _settle(self, folder: str, seen: Seen, manifest: Manifest, leftovers: list[str]) -> Manifest | None:
        """Replace the manifest that was seen and delete the files that no version needs any more.

        :param folder: The partition's folder.
        :param seen: The manifest that was read before any file of ``manifest`` was written.
        :param manifest: The manifest to write, or that of the version that was seen if that is to stay.
        :param leftovers: The files to delete.
        :returns: The manifest that is there now; ``None`` if somebody else has replaced it in the meantime.
        """
        store, stays = self.attempt.store, _is_same_version(manifest, seen.manifest)
        if manifest is seen.manifest and not leftovers:
            return manifest
        if stays and leftovers and store.is_conditional:
            moment = moment_text(self.now())
            manifest = msgspec.structs.replace(manifest, checked_at=moment or "")
        if stays and not store.is_conditional:
            if see_manifest(store, folder) != seen:
                return None
        elif not store.replace(f"{folder}/{MANIFEST}", manifest.encode(), seen.version):
            return None
        store.delete(leftovers)
        return manifest

    def _leftovers(
        self, folder: str, seen: Seen, manifest: Manifest, *, tidies: bool = False, superseded: bool = False
    ) -> list[str]:
        """Return the files that belong neither to a manifest nor to the plan of a run that goes on.

        Files are listed first, then plans: a plan exists from before its first file is written until after
        its manifest is written. The plan of an older version that is replaced does not count: that version
        does not come back.

        :param folder: The partition's folder.
        :param seen: The manifest that was read.
        :param manifest: The manifest that will be there.
        :param tidies: Whether the files of this plan are deleted, too.
        :param superseded: Whether this attempt has lost its lease, so that older attempts may still run.
        """
        wanted = {file.name for file in manifest.files}
        unknown = unnamed_files(self.attempt.store, folder, named=wanted)
        if not tidies and self.plan.commit in unknown.values():
            self._own_leftovers.add(folder)
            unknown = {name: commit for name, commit in unknown.items() if commit != self.plan.commit}
        if not unknown:
            return []
        planned = self.attempt.planned(by_older=superseded)
        replaced = None if _is_same_version(manifest, seen.manifest) else seen.manifest
        if replaced is not None and replaced.seconds_after(self.plan.requested_at) < 0:
            planned.discard(replaced.commit)
        return [f"{folder}/{name}" for name, commit in unknown.items() if commit not in planned]

    def _too_many_rounds(self, folder: str) -> DestinationUnavailableError:
        return DestinationUnavailableError(
            url=self.attempt.store.url_of(folder),
            problem=f"others replaced its manifest {_MAX_ROUNDS} times while this run tried to",
            connection=self.attempt.store.connection,
        )


def _is_same_version(one: Manifest, other: Manifest | None) -> bool:
    return other is not None and one.commit == other.commit


def _bytes_in_memory(partition: PartitionPlan, compression: Compression) -> int:
    """Return how many bytes of a partition are in memory at the same time while it is published, roughly."""
    segments = [[source.segment for source in file] for file in partition.files]
    is_as_staged = compression == "gzip"
    files = (sum(each.length if is_as_staged else each.uncompressed for each in file) for file in segments)
    return max(files, default=0) + max((each.length for file in segments for each in file), default=0)
