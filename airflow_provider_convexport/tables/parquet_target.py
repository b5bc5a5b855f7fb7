"""Tables as Parquet files with manifests; each partition is switched to its new version by its manifest.

There is no staging, no lease and no plan, because nothing has to be resumed: a try that was killed is done
again from the raw partition. For each partition

1. the manifest is read;
2. the files are written, under names which hold the commit;
3. the folder is listed;
4. the manifest is replaced if it is still the one that was read; if not, all begins again at 1;
5. what was listed and is not named by the new manifest is deleted.

The id of the commit is a hash of all that decides the files' bytes *and of the manifest that was read*. So

* a retry, and a second run at the same time, write the same bytes under the same names;
* no name is ever used again once another manifest has taken its place, not even if the same version is built
  again later. Whatever was listed before a manifest was replaced belongs to writers that have read the former
  one or an older one. None of them can publish it any more: their conditional write fails, and then they
  write under other names. So it may be deleted at any later time, also by a process that slept in between.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import shutil
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_convexport.errors import (
    ConfigurationError,
    DestinationUnavailableError,
    SupersededError,
)
from airflow_provider_convexport.export.dataset.folders import readers_of
from airflow_provider_convexport.export.dataset.identity import Dataset, ensure_registered
from airflow_provider_convexport.export.dataset.manifest import (
    FORMAT_VERSION,
    MANIFEST,
    FileEntry,
    Manifest,
    Seen,
    see_manifest,
)
from airflow_provider_convexport.export.dataset.reader import plain_url
from airflow_provider_convexport.export.dataset.store import STAGING
from airflow_provider_convexport.export.dataset.survey import unnamed_files
from airflow_provider_convexport.export.job import TaskTry
from airflow_provider_convexport.export.parallel import in_parallel
from airflow_provider_convexport.export.window import iso
from airflow_provider_convexport.tables.parquet_manifest import differences_of, manifest_of, version_of
from airflow_provider_convexport.tables.raw import timezone_of
from airflow_provider_convexport.tables.target import WrittenPartition, verdict_on

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_provider_convexport.export.dataset.store import Store
    from airflow_provider_convexport.tables.target import (
        BuiltPartition,
        LocalFile,
        TablePartition,
        TableVersion,
        Verdict,
    )

log = logging.getLogger(__name__)

MAX_ROUNDS = 100
"""So often a manifest may be replaced by others while this run wants to replace it."""


@dataclass(frozen=True, slots=True)
class ParquetTarget:
    """Tables below one destination, each with a dataset for every vendor and ``window_on``.

    :param store: The destination: ``<table>/<vendor>-<window_on>/`` below it are the datasets.
    :param task: The task try that writes.
    :param now: Returns the current time as epoch seconds.
    """

    store: Store
    task: TaskTry
    now: Callable[[], float]
    _seen: dict[TablePartition, Seen] = field(default_factory=dict)
    """Manifests of partitions that were not published since."""
    _datasets: dict[str, Store] = field(default_factory=dict)
    """Those that partitions were written to, after a look at what they hold."""
    _written: dict[TablePartition, WrittenPartition] = field(default_factory=dict)
    _token: str = field(init=False)
    """What tells runs apart that have no id."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_token", "" if self.task.run_id else secrets.token_hex(8))

    @property
    def catalog_facts(self) -> None:
        """Files have no catalog."""
        return None

    def seen(self, keys: Sequence[TablePartition]) -> Mapping[TablePartition, TableVersion]:
        """Return what partitions hold now; one read for each."""
        found: dict[TablePartition, TableVersion] = {}
        for key, seen in in_parallel(self._see, keys, threads=readers_of(self.store)):
            self._seen[key] = seen
            if seen.manifest is not None:
                found[key] = version_of(seen.manifest)
                if self.task.run_id:
                    self._note(key, seen.manifest)
        return found

    def publish(self, built: BuiltPartition) -> None:
        """Replace one partition, unless somebody else has put a newer version there in the meantime."""
        self._written.pop(built.key, None)
        store = self._dataset(built)
        folder = built.key.folder
        seen = self._seen.pop(built.key, None) or self._see(built.key)
        for _ in range(MAX_ROUNDS):
            there = None if seen.manifest is None else version_of(seen.manifest)
            verdict = verdict_on(there, built.version)
            if seen.manifest is not None and verdict != "write":
                self._keep(built.key, seen.manifest, verdict)
                return
            manifest = self._write(built, store, seen)
            leftovers = unnamed_files(store, folder, named={file.name for file in manifest.files})
            is_ours = store.replace(f"{folder}/{MANIFEST}", manifest.encode(), seen.version)
            if not is_ours:
                seen = self._see(built.key)
                # The store may have written it although its client got no answer.
                is_ours = seen.manifest == manifest
            if is_ours:
                store.delete(f"{folder}/{name}" for name in leftovers)
                self._note(built.key, manifest, is_replacement=there is not None)
                return
        raise DestinationUnavailableError(
            url=store.url_of(folder),
            problem=f"others replaced its manifest {MAX_ROUNDS} times while this run tried to",
            connection=store.connection,
        )

    def commit(self) -> list[WrittenPartition]:
        """Tidy up, and return the partitions that this task instance has written.

        A later try also lists each partition that it left as it is, for what an earlier one has left there.
        """
        if self.task.try_number > 1:
            for _ in in_parallel(self._tidy, list(self._seen), threads=readers_of(self.store)):
                pass
        for store in self._datasets.values():
            self._sweep(store)
        return list(self._written.values())

    def _tidy(self, key: TablePartition) -> None:
        """Delete what killed tries have left in a partition that stays as it is.

        The manifest is written again with the time in ``checked_at``, so that whoever is writing files there
        begins again, under other names.
        """
        seen = self._seen[key]
        if seen.manifest is None:
            return
        store = self._below(key)
        leftovers = unnamed_files(store, key.folder, named={file.name for file in seen.manifest.files})
        if not leftovers or not store.is_conditional:
            return
        checked = msgspec.structs.replace(seen.manifest, checked_at=self._moment())
        if store.replace(f"{key.folder}/{MANIFEST}", checked.encode(), seen.version):
            store.delete(f"{key.folder}/{name}" for name in leftovers)

    def _see(self, key: TablePartition) -> Seen:
        """Return a partition's manifest with its version.

        :raises ConfigurationError: if it is not a partition of this table.
        """
        store = self._below(key)
        seen = see_manifest(store, key.folder)
        if seen.manifest is not None and (differences := differences_of(seen.manifest, key)):
            name, (there, here) = next(iter(differences.items()))
            raise ConfigurationError(
                f"{plain_url(store.url_of(key.folder))} holds a partition with {name}={there!r}, and this "
                f"task would replace it with one of {name}={here!r}; give each a destination of its own."
            )
        return seen

    def _below(self, key: TablePartition) -> Store:
        name = f"{key.table}/{key.vendor}-{key.window_on}"
        root = f"{self.store.root.rstrip('/')}/{name}"
        return replace(
            self.store, root=root, url=self.store.url_of(name), scratch=f"{self._scratch}/{self.task.order}"
        )

    @property
    def _scratch(self) -> str:
        """Folder of the task instance below `STAGING`, where ``airflow convexport status`` finds old work."""
        key = hashlib.sha256(msgspec.json.encode((*self.task.identity, self._token))).hexdigest()[:20]
        return f"{STAGING}/{key}/{key}"

    def _dataset(self, built: BuiltPartition) -> Store:
        """Return the dataset of a partition to write to, recorded as what it is, after `Store.probed`."""
        key, store = built.key, self._below(built.key)
        if store.url in self._datasets:
            return self._datasets[store.url]
        dataset = Dataset(
            format_version=FORMAT_VERSION,
            vendor=key.vendor,
            account=key.account,
            stream=key.stream,
            scope=tuple(sorted(name for name, _ in key.scope)),
            filters=dict(key.filters),
            window_on=key.window_on,
            partition_by=key.partition_by,
            partition_timezone=timezone_of(built.partition) if key.partition_by == "day" else "UTC",
            table=key.table,
        )
        store = self._probed(store)
        ensure_registered(store, dataset)
        self._datasets[store.url] = store
        return store

    def _probed(self, store: Store) -> Store:
        probe = f"{store.scratch}/probe"
        if store.is_local:
            store.put(probe, b"")  # the folder whose lock is tried must exist
        store = store.probed(probe)
        self._sweep(store)
        return store

    def _sweep(self, store: Store) -> None:
        """Delete the temporary files of this task instance; killed tries leave some on a local disk."""
        store.delete(store.find(self._scratch))
        store.prune(self._scratch)

    def _write(self, built: BuiltPartition, store: Store, seen: Seen) -> Manifest:
        """Write the files of a version that replaces the one that was seen; return its manifest."""
        before = b"" if seen.manifest is None else seen.manifest.encode()
        commit = hashlib.sha256(built.fingerprint.encode() + before).hexdigest()[:16]
        files = []
        for number, file in enumerate(built.files):
            name = f"part-{commit}-{number:05d}.parquet"
            _put(store, f"{built.key.folder}/{name}", file)
            files.append(FileEntry(name, file.rows, file.bytes, file.uncompressed_bytes, file.sha256))
        return manifest_of(built, self.task, commit=commit, files=files, published_at=self.now())

    def _keep(self, key: TablePartition, manifest: Manifest, verdict: Verdict) -> None:
        self._note(key, manifest)
        if verdict == "newer":
            log.warning(
                "The partition %s keeps its version, which is newer than the one that this run has built.",
                plain_url(self._below(key).url_of(key.folder)),
            )

    def _note(self, key: TablePartition, manifest: Manifest, *, is_replacement: bool = False) -> None:
        """Remember a partition if its version is of this task instance."""
        if TaskTry.of(manifest).identity == self.task.identity:
            described = self._described(key, manifest)
            self._written[key] = replace(described, is_replacement=is_replacement)

    def _described(self, key: TablePartition, manifest: Manifest) -> WrittenPartition:
        return WrittenPartition(
            key=key,
            rows=manifest.records,
            files=len(manifest.files),
            bytes=sum(file.bytes for file in manifest.files),
            url=f"{plain_url(self._below(key).url_of(key.folder))}/{MANIFEST}",
            root=plain_url(self.store.url_of(key.table)),
            version=manifest.commit,
        )

    def _moment(self) -> str:
        return iso(datetime.fromtimestamp(self.now(), tz=UTC))


def _put(store: Store, name: str, file: LocalFile) -> None:
    """Write an object from a file that stays where it is."""
    if not store.is_local:
        store.put_file(name, file.path)
        return
    try:
        with store.temporary_file() as path:
            with store.opened(path) as copy, file.path.open("rb") as original:
                shutil.copyfileobj(original, copy, 2**20)
            store.put_file(name, path)
    except FileNotFoundError:
        raise SupersededError(
            "A newer try of this task has removed the temporary files of this one."
        ) from None
