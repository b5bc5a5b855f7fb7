"""What a destination on a local disk needs beyond fsspec: folders, listings that fail loudly, locks."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import TYPE_CHECKING

from airflow_provider_convexport.errors import DestinationUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_LOCK_PATIENCE = 60.0
"""Seconds to wait for a lock that is held for milliseconds."""


def create(path: Path, create: Callable[[], object]) -> None:
    """Create the parent of ``path``, then call ``create``; another attempt may prune it in between."""
    for _ in range(100):
        with contextlib.suppress(FileNotFoundError):
            path.parent.mkdir(parents=True, exist_ok=True)
            create()
            return
    create()


def files_below(folder: str, url: str) -> list[str]:
    """Return the files below a folder; fsspec silently omits what it cannot read.

    :param folder: Path of the folder.
    :param url: URL of the destination, for the message.
    :raises DestinationUnavailableError: if a folder cannot be listed, so that it does not appear empty.
    """

    def fail(error: OSError) -> None:
        if isinstance(error, FileNotFoundError):
            return  # another attempt has just removed the folder
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
    deadline = time.monotonic() + _LOCK_PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise DestinationUnavailableError(
                    url=url,
                    problem=f"another process has held the folder's lock for {_LOCK_PATIENCE:.0f} seconds; "
                    "if it is stopped, let it go on or kill it",
                    connection=None,
                ) from None
            time.sleep(0.01)
        except OSError:
            return False  # a file system without locks, such as some network file systems
        else:
            return True
