"""What a destination on a local disk needs beyond fsspec: folders, loud failures in one sentence, locks."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

from airflow_provider_convexport.errors import ConfigurationError, DestinationUnavailableError
from airflow_provider_convexport.export.file_lock import lock_within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_LOCK_PATIENCE = 60.0
"""Seconds to wait for a lock that is held for milliseconds."""
_LOCK_POLL = 0.01


_WRONG = {
    errno.EACCES: "this worker's user has no permission there",
    errno.EPERM: "this worker's user has no permission there",
    errno.EROFS: "its file system is read-only",
    errno.EEXIST: "a file is in the way of a folder",
    errno.ENOTDIR: "a file is in the way of a folder",
    errno.EISDIR: "a folder is in the way of a file",
    errno.ENAMETOOLONG: "a name in it is too long",
    errno.ELOOP: "a symbolic link in it leads back to itself",
}
"""Failures that no retry mends, by their number."""
_FULL = (errno.ENOSPC, errno.EDQUOT)
_SHOWN = 200

_TRIES = 100
"""How often a folder is created that others prune at the same time."""


@contextlib.contextmanager
def explained(url: str) -> Iterator[None]:
    """Convert any error of the disk in the block except ``FileNotFoundError``.

    :param url: URL of the destination, for the message.
    :raises ConfigurationError: if it cannot be used: read-only, without permission, a file in the way.
    :raises DestinationUnavailableError: for everything else, such as a full disk.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        if problem := _WRONG.get(error.errno or 0):
            raise unusable(url, problem) from None
        problem = f"{error.strerror or type(error).__name__}{'; make room there' * (error.errno in _FULL)}"
        raise DestinationUnavailableError(url=url[:_SHOWN], problem=problem, connection=None) from None


def unusable(url: str, problem: str) -> ConfigurationError:
    """Return the error for a destination that no retry makes usable."""
    return ConfigurationError(
        f"The destination {url[:_SHOWN]} cannot be used: {problem}; choose another folder or correct that."
    )


def create(path: Path, create: Callable[[], object], *, url: str) -> None:
    """Create the parent of ``path``, then call ``create``; another attempt may prune it in between.

    :raises ConfigurationError: if the parent cannot be created at all, as in ``/proc``.
    :raises FileNotFoundError: if ``create`` itself does not find its source.
    """
    for _ in range(_TRIES):
        with contextlib.suppress(FileNotFoundError):
            _make_folder(path.parent)
            create()
            return
    if not path.parent.exists():
        raise unusable(url, "folders cannot be created there")
    create()


def _make_folder(folder: Path) -> None:
    """Create a folder and those above it, unless it is there.

    Another attempt may prune it after ``mkdir`` has found it and before ``mkdir`` looks what it is.

    :raises FileExistsError: if something else is there.
    :raises FileNotFoundError: if a folder above it was pruned meanwhile.
    """
    for left in reversed(range(_TRIES)):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            if not left or folder.is_file():
                raise
        else:
            return


def make_durable(path: Path) -> None:
    """Write a file's content to the disk, which it must have reached before the file gets its final name."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def files_below(folder: str, url: str) -> list[str]:
    """Return the files below a folder; fsspec silently omits what it cannot read.

    :param folder: Path of the folder.
    :param url: URL of the destination, for the message.
    :raises ConfigurationError: if that is so for good, as with a file in the way.
    :raises DestinationUnavailableError: if a folder cannot be listed, so that it does not appear empty.
    """

    def fail(error: OSError) -> None:
        if isinstance(error, FileNotFoundError):
            return  # another attempt has just removed the folder
        if problem := _WRONG.get(error.errno or 0):
            raise unusable(url, problem) from None
        raise DestinationUnavailableError(
            url=url, problem=f"a folder cannot be listed: {error.strerror}", connection=None
        ) from error

    return [
        f"{path}/{name}" for path, _, names in os.walk(folder.rstrip("/"), onerror=fail) for name in names
    ]


def prune_tree(top: Path, root: Path) -> None:
    """Remove a folder and its subfolders where they are empty, and then its parents below ``root``."""
    with contextlib.suppress(FileNotFoundError):  # another attempt prunes at the same time
        for path in sorted(top.rglob("*"), reverse=True):
            with contextlib.suppress(OSError):  # a file, or not empty
                path.rmdir()
    prune(top, root)


def prune(folder: Path, root: Path) -> None:
    """Remove empty folders from ``folder`` upwards, below ``root``."""
    while folder != root and root in folder.parents:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


@contextlib.contextmanager
def locked(folder: str, *, url: str) -> Iterator[bool]:
    """Hold the exclusive lock of a folder of a local disk; yield whether its file system has such locks.

    The lock ends with the process, even if that is killed. It is a lock on the folder itself, so it leaves no
    file behind.

    :raises DestinationUnavailableError: if another process holds the lock for a minute.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield _lock(descriptor, url)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, url: str) -> bool:
    try:
        is_held = lock_within(descriptor, _LOCK_PATIENCE, poll=_LOCK_POLL)
    except OSError:
        return False  # a file system without locks, such as some network file systems
    if not is_held:
        raise DestinationUnavailableError(
            url=url,
            problem=f"another process has held the folder's lock for {_LOCK_PATIENCE:.0f} seconds; "
            "if it is stopped, let it go on or kill it",
            connection=None,
        )
    return True
