"""What partitions hold before a run: their manifests, and files of other runs, found with few requests."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_convexport.export.dataset.manifest import MANIFEST, Seen, see_manifest
from airflow_provider_convexport.export.parallel import in_parallel

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from airflow_provider_convexport.export.dataset.store import Store

FILE_NAME = re.compile(r"part-([0-9a-f]{16})-\d{5,}\.(?:jsonl(?:\.gz|\.zst)?|parquet)")
"""Names of published files, with the id of their commit; other files in a folder are never deleted."""
_COUNTER = 3
"""Length of what tells a month's days or a day's hours apart: a hyphen or an equals sign, and two digits."""


class Held(NamedTuple):
    """What a partition's folder holds.

    :param seen: Its manifest.
    :param is_clean: Whether it holds no published file that the manifest does not name.
    """

    seen: Seen
    is_clean: bool


def survey(store: Store, folders: Sequence[str], *, threads: int) -> Iterator[tuple[str, Held]]:
    """Yield each folder with what it holds.

    :param store: The destination.
    :param folders: Folders of partitions, relative to the destination.
    :param threads: Maximum number of requests at the same time.
    :raises ConfigurationError: if an object that should be a manifest is something else.
    """
    names: dict[str, set[str]] = {folder: set() for folder in folders}
    for _, found in in_parallel(store.find_prefix, _prefixes(store, folders), threads=threads):
        for path in found:
            folder, _, name = path.rpartition("/")
            if folder in names:
                names[folder].add(name)

    def held(folder: str) -> Held:
        there = names[folder]
        seen = see_manifest(store, folder) if MANIFEST in there else Seen(None, None)
        named = set() if seen.manifest is None else {file.name for file in seen.manifest.files}
        return Held(seen, is_clean=not any(FILE_NAME.fullmatch(name) for name in there - named))

    yield from in_parallel(held, folders, threads=threads)


def unnamed_files(store: Store, folder: str, *, named: Collection[str]) -> dict[str, str]:
    """Return the published files of a folder that a manifest does not name, with the ids of their commits.

    It costs one listing. Other people's files are left out.

    :param store: The destination.
    :param folder: Folder of a partition, relative to the destination.
    :param named: Names of the files that the manifest names.
    """
    names = (path.removeprefix(f"{folder}/") for path in store.find(folder))
    return {name: ours[1] for name in names if (ours := FILE_NAME.fullmatch(name)) and name not in named}


def _prefixes(store: Store, folders: Sequence[str]) -> list[str]:
    """Return prefixes under which all objects of the folders are found, and few others.

    The days of a month, or the hours of a day, are listed together where there are several of them.
    """
    if not store.lists_prefixes:
        return [f"{folder}/" for folder in folders]
    groups = defaultdict[str, list[str]](list)
    for folder in folders:
        groups[folder[:-_COUNTER]].append(folder)
    return [common if len(group) > 1 else f"{group[0]}/" for common, group in groups.items()]
