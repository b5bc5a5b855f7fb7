"""Names of staged objects: ``_staging/<task>/<fingerprint>/<attempt>/<name>``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_convexport.export.dataset.store import STAGING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_convexport.export.dataset.store import Store


class StagedName(NamedTuple):
    """Which attempt of which task staged an object, and under which name; in the order of its path.

    :param task: Folder of the task instance.
    :param fingerprint: Digest of the settings.
    :param attempt: Folder of the attempt; that of a newer attempt of the same task sorts after it.
    :param name: Name of the object within it.
    """

    task: str
    fingerprint: str
    attempt: str
    name: str

    @property
    def path(self) -> str:
        """The object's name relative to the destination."""
        return "/".join((STAGING, *self))

    @property
    def folder(self) -> str:
        """The attempt's folder relative to the destination."""
        return "/".join((STAGING, *self[:3]))


def task_folder(task: str, *inner: str) -> str:
    """Return a task instance's folder relative to the destination, or a folder within it."""
    return "/".join((STAGING, task, *inner))


def staged(store: Store, folder: str = STAGING) -> Iterator[StagedName]:
    """Yield every staged object below a folder, sorted by its path; other people's files are left out."""
    for path in store.find(folder):
        parts = path.split("/")
        if len(parts) == len(StagedName._fields) + 1:
            yield StagedName(*parts[1:])
