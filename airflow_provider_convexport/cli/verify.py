"""Compares what manifests name with what is there, for ``status --verify``."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_convexport.audit.findings import AUDIT
from airflow_provider_convexport.cli.words import counted
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.dataset.abandoned import STAGED
from airflow_provider_convexport.export.dataset.identity import DATASET
from airflow_provider_convexport.export.dataset.listing import objects_below
from airflow_provider_convexport.export.dataset.manifest import MANIFEST, Manifest, read_manifest
from airflow_provider_convexport.export.dataset.store import STAGING
from airflow_provider_convexport.export.dataset.survey import FILE_NAME
from airflow_provider_convexport.export.parallel import in_parallel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from airflow_provider_convexport.export.dataset.store import Store

_THREADS = 64
_SHOWN = 20
"""Number of names that people are shown of a list; programs get all of them."""


class WrongFile(NamedTuple):
    """A file that a manifest names and that is not as it should be.

    :param name: Its name, relative to the destination.
    :param expected_bytes: Its size according to the manifest.
    :param bytes: Its size; ``None`` if it is gone.
    """

    name: str
    expected_bytes: int
    bytes: int | None

    def __str__(self) -> str:
        if self.bytes is None:
            return f"{self.name} is gone."
        return f"{self.name} has {counted(self.bytes, 'byte')} instead of {self.expected_bytes}."


class Verified(NamedTuple):
    """The result of a comparison.

    :param files: Number of files that manifests name.
    :param wrong: Those of them that are gone or have another size.
    :param unnamed: Published files that no manifest names: of a run that publishes just now, or left by a run
        that was killed; the next run that writes their partition deletes them.
    :param foreign: Objects that this package has not written.
    """

    files: int
    wrong: list[WrongFile]
    unnamed: list[str]
    foreign: list[str]


@dataclass(slots=True)
class Verification:
    """Collects what is wrong while manifests are read.

    :param sizes: The size of every object below the destination, by name, as of one listing.
    """

    sizes: Mapping[str, int]
    _files: int = 0
    _named: set[str] = field(default_factory=set)
    _folders: set[str] = field(default_factory=set)
    _suspects: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self, folder: str, manifest: Manifest) -> None:
        """Compare the files that a manifest names with the listing; thread-safe."""
        names = [_in(folder, file.name) for file in manifest.files]
        is_right = not _wrong(folder, manifest, self.sizes)
        with self._lock:
            self._files += len(names)
            self._named.update(names)
            self._folders.add(folder)
            if not is_right:
                self._suspects.add(folder)

    def finish(self, store: Store, *, is_partial: bool, damaged: Iterable[str]) -> Verified:
        """Return the result.

        A partition may have been replaced between the listing and the reading of its manifest, so where
        something was wrong, both are done again.

        :param store: The destination.
        :param is_partial: Whether only some of the manifests were read; then only their folders count.
        :param damaged: Names of the manifests that cannot be read; what lies beside them is not judged.
        """
        wrong: list[WrongFile] = []
        for _, found in in_parallel(
            lambda folder: _second_look(store, folder), sorted(self._suspects), threads=_THREADS
        ):
            wrong += found
        unjudged = {name.rpartition("/")[0] for name in damaged}
        unnamed, foreign = [], []
        for name in sorted(self.sizes.keys() - self._named):
            folder, _, last = name.rpartition("/")
            if folder in unjudged or (is_partial and folder not in self._folders):
                continue
            if FILE_NAME.fullmatch(last):
                unnamed.append(name)
            elif not _is_own(name, last):
                foreign.append(name)
        return Verified(self._files, sorted(wrong), unnamed, foreign)


def verified_lines(verified: Verified) -> Iterator[str]:
    """Yield sentences about the result, and the names of what is wrong."""
    right = verified.files - len(verified.wrong)
    yield (
        f"Verified: {right:,} of {counted(verified.files, 'file')} that manifests name are there with the "
        "size that they should have."
    )
    yield from _listed(
        verified.wrong, "Damaged files; export their intervals again, or restore them from a backup:"
    )
    yield from _listed(
        verified.unnamed,
        "Files that no manifest names; a run is publishing them just now, or was killed, and the next run of "
        "their partition deletes them:",
    )
    yield from _listed(verified.foreign, "Foreign files, which this package leaves alone:")


def verified_values(verified: Verified) -> dict[str, Any]:
    """Return the same as JSON values."""
    return {
        "files": verified.files,
        "wrong": [each._asdict() for each in verified.wrong],
        "unnamed": verified.unnamed,
        "foreign": verified.foreign,
    }


def _listed(items: list[Any], title: str) -> Iterator[str]:
    if not items:
        return
    yield title
    yield from (f"  {each}" for each in items[:_SHOWN])
    if len(items) > _SHOWN:
        yield f"  and {len(items) - _SHOWN:,} more; --output json names all of them"


def _second_look(store: Store, folder: str) -> list[WrongFile]:
    try:
        manifest = read_manifest(store, folder)
    except ConfigurationError:
        return []  # somebody replaced it just now by something else; the next report names it
    sizes = {each.name: each.bytes for each in objects_below(store, folder)}
    return [] if manifest is None else _wrong(folder, manifest, sizes)


def _wrong(folder: str, manifest: Manifest, sizes: Mapping[str, int]) -> list[WrongFile]:
    files = ((_in(folder, file.name), file.bytes) for file in manifest.files)
    return [WrongFile(name, size, sizes.get(name)) for name, size in files if sizes.get(name) != size]


def _in(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _is_own(name: str, last: str) -> bool:
    """Return whether this package writes objects of that name, apart from published files."""
    if STAGED.fullmatch(name):
        return True
    return last in (MANIFEST, DATASET, AUDIT) and STAGING not in name.split("/")
