"""Temporary files on the worker, for files of an object store while they are built."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_convexport.errors import WorkerDiskError

if TYPE_CHECKING:
    from collections.abc import Iterator

DESCRIPTORS = Path("/proc/self/fd")
"""Where Linux shows a process its open files under names that can be opened."""


@contextlib.contextmanager
def nameless_file() -> Iterator[Path]:
    """Create a file that no folder lists and only this process can open, and yield a path to it.

    It ends with the process, even if that is killed, so that no conversations are left on the worker. Where
    open files have no names (macOS), the file is in the temporary folder, for this user alone; it is removed
    at the end, unless the process is killed.

    :raises WorkerDiskError: if the temporary folder cannot be used.
    """
    with temporary_folder_explained():
        file = tempfile.TemporaryFile(prefix="convexport-")  # noqa: SIM115 - closed by the next block
    with file:
        path = DESCRIPTORS / str(file.fileno())
        if path.exists():
            yield path
            return
    with temporary_folder_explained():
        descriptor, name = tempfile.mkstemp(prefix="convexport-")
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


@contextlib.contextmanager
def temporary_folder_explained(*, opened: bool = False) -> Iterator[None]:
    """Convert any error of the worker's temporary folder in the block.

    A missing folder would otherwise look like a staged object that has disappeared.

    :param opened: Whether files in the folder are open already, so that ``FileNotFoundError`` means something
        else and is not converted.
    :raises WorkerDiskError: if the folder cannot be used.
    """
    try:
        yield
    except OSError as error:
        if opened and isinstance(error, FileNotFoundError):
            raise
        problem = error.strerror or type(error).__name__
        raise WorkerDiskError(problem=problem) from None
