"""Listings of a store with sizes and times, for reports."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_convexport.export.dataset import local_disk
from airflow_provider_convexport.export.dataset.store_errors import explained

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_convexport.export.dataset.store import Store

_MODIFIED = ("mtime", "LastModified", "last_modified", "modified", "updated", "created")
"""Names of the time of the last write, in the details of various file systems."""


class StoredObject(NamedTuple):
    """One object of a listing.

    :param name: Its name, relative to the store's root.
    :param bytes: Its size.
    :param written_at: When it was written last, in epoch seconds; ``None`` if the store does not tell.
    """

    name: str
    bytes: int
    written_at: float | None

    @property
    def last(self) -> str:
        """The last part of its name."""
        return self.name.rpartition("/")[2]


def objects_below(store: Store, folder: str) -> Iterator[StoredObject]:
    """Yield all objects below a folder, with one listing and without caching.

    :param store: The destination, or a folder above several of them.
    :param folder: The folder, relative to the store's root; empty for the root.
    """
    prefix = f"{store.root.rstrip('/')}/"
    path = f"{prefix}{folder}".rstrip("/")
    if store.is_local:
        for name in local_disk.files_below(path, store.url):
            yield _on_disk(Path(name), name.removeprefix(prefix))
        return
    store.fs.invalidate_cache()
    try:
        with explained(store.url, store.connection):
            details = store.fs.find(path, detail=True)
    except FileNotFoundError:
        return
    for name, info in details.items():
        yield StoredObject(name.removeprefix(prefix), int(info.get("size") or 0), _written_at(info))


def _on_disk(path: Path, name: str) -> StoredObject:
    try:
        facts = path.stat()
    except FileNotFoundError:
        return StoredObject(name, 0, None)  # somebody deletes it, so the task is alive
    return StoredObject(name, facts.st_size, facts.st_mtime)


def _written_at(info: dict[str, Any]) -> float | None:
    moment = next((info[key] for key in _MODIFIED if info.get(key)), None)
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    if isinstance(moment, datetime):
        return moment.timestamp() if moment.tzinfo else None
    return moment if isinstance(moment, float | int) else None
