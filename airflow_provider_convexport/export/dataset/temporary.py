"""Temporary files on the worker, for files of an object store while they are built."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

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
    """
    with tempfile.TemporaryFile(prefix="convexport-") as file:
        path = DESCRIPTORS / str(file.fileno())
        if path.exists():
            yield path
            return
    descriptor, name = tempfile.mkstemp(prefix="convexport-")
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
