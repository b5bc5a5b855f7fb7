"""What a destination holds, read through its manifests, and what it should hold: the simulator's records."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dev.vendors import scope_folder
from tests.support.samples import DAY

if TYPE_CHECKING:
    from airflow_provider_convexport.simulator.server import RunningSimulator
    from tests.support.streams import Case

MANIFEST = "_manifest.json"
DATASET = "_dataset.json"


@dataclass(frozen=True)
class Objects:
    """The objects under a destination, wherever that is.

    :param names: Their names, relative to the destination.
    :param read: Returns the content of one of them, or ``None`` if it is gone.
    """

    names: Collection[str]
    read: Callable[[str], bytes | None]


def objects_in(folder: Path) -> Objects:
    """Return the files under a folder of this machine."""
    return Objects(files(folder), lambda name: (folder / name).read_bytes())


def files(folder: Path) -> set[str]:
    """Return the names of all files under a folder, relative to it."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def manifests(where: Path | Objects) -> dict[str, dict[str, Any]]:
    """Return every manifest by the name of its partition's folder, in the order of these names."""
    objects = objects_in(where) if isinstance(where, Path) else where
    found = {}
    for name in sorted(objects.names):
        folder, _, last = name.rpartition("/")
        if last == MANIFEST:
            found[folder] = json.loads(objects.read(name) or b"")
    return found


def partitions(where: Path | Objects) -> dict[str, list[bytes]]:
    """Read every partition through its manifest, checking the files on the way; lines sorted."""
    objects = objects_in(where) if isinstance(where, Path) else where
    found = {}
    for folder, manifest in manifests(objects).items():
        lines: list[bytes] = []
        for entry in manifest["files"]:
            content = objects.read(f"{folder}/{entry['name']}")
            assert content is not None, f"{folder} names {entry['name']}, which is not there"
            lines.extend(lines_of(entry, content))
        assert manifest["records"] == len(lines)
        found[folder] = sorted(lines)
    return found


def lines_of(entry: Mapping[str, Any], content: bytes) -> list[bytes]:
    """Return the records of a file, after a comparison with its entry in a manifest."""
    assert is_as_said(entry, content)
    text = gzip.decompress(content)
    assert (entry["uncompressed_bytes"], entry["records"]) == (len(text), text.count(b"\n"))
    return text.split(b"\n")[:-1]


def is_as_said(entry: Mapping[str, Any], content: bytes) -> bool:
    """Tell whether a file has the size and the checksum of its entry in a manifest."""
    return (entry["bytes"], entry["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())


def named_files(where: Path | Objects) -> set[str]:
    """Return the names of all files that manifests name."""
    return {
        f"{folder}/{entry['name']}"
        for folder, manifest in manifests(where).items()
        for entry in manifest["files"]
    }


def assert_tidy(where: Path | Objects) -> None:
    """Nothing lies there but manifests, the files that they name, and the description of the dataset."""
    objects = objects_in(where) if isinstance(where, Path) else where
    expected = {f"{folder}/{MANIFEST}" for folder in manifests(objects)} | named_files(objects)
    assert set(objects.names) - {DATASET} == expected


def truth(simulator: RunningSimulator, case: Case, start: datetime, end: datetime) -> dict[str, list[bytes]]:
    """Return the simulator's own records by partition of a day, in the form of `partitions`."""

    def records(begin: datetime, until: datetime) -> Iterable[bytes]:
        return simulator.truth(case.vendor, case.stream, begin, until, window_on=case.truth_on)

    return by_day(records, start, end, folder=scope_folder(case.vendor))


def by_day(
    records: Callable[[datetime, datetime], Iterable[bytes]], start: datetime, end: datetime, *, folder: str
) -> dict[str, list[bytes]]:
    """Return the records of an interval by partition of a day, in the form of `partitions`.

    :param records: Returns the records of a half-open interval.
    :param folder: What the partitions' folders begin with.
    """
    expected = {}
    while start < end:
        expected[f"{folder}dt={start:%Y-%m-%d}"] = sorted(records(start, start + DAY))
        start += DAY
    return expected
