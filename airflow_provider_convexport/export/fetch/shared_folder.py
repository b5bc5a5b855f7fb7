"""The folder that all processes of one user share, within a temporary folder of all users."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
from pathlib import Path

from airflow_provider_convexport.errors import ConfigurationError


def machine_folder() -> Path:
    """Return the folder of what all processes of this user on this machine share; it need not exist yet."""
    return Path(tempfile.gettempdir()) / f"convexport-budget-{os.getuid()}"


def file_of(folder: Path, name: str, kind: str) -> Path:
    """Return the path of a file in such a folder.

    :param folder: The folder.
    :param name: What the file is for; it is not visible in the file's name.
    :param kind: What the file's name ends with, without the leading dot.
    """
    return folder / f"{hashlib.sha256(name.encode()).hexdigest()[:24]}.{kind}"


def own_folder(folder: Path) -> Path:
    """Return a folder after creating it, if it does not exist, for this user alone.

    In a temporary folder of all users, anybody can create a folder or a link of that name first, and then
    read or change what is kept there, or have it written elsewhere. Once a folder belongs to this user,
    others cannot replace it, because the sticky bit of the temporary folder forbids it.

    :raises ConfigurationError: if it is a link or a file, belongs to another user, or others have access.
    :raises OSError: if it cannot be created.
    """
    while True:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        try:
            found = folder.lstat()
        except FileNotFoundError:
            continue  # something that cleans temporary folders removed it in between
        if problem := _problem(found):
            raise ConfigurationError(
                f"The request budget is not kept in {folder}, because {problem}; remove it, or set TMPDIR to "
                "a folder of this user, or [convexport] budget_storage to 'memory' or a redis:// URL."
            )
        return folder


def _problem(found: os.stat_result) -> str | None:
    if not stat.S_ISDIR(found.st_mode):
        return "it is a link or a file"
    if found.st_uid != os.geteuid():
        return f"it belongs to the user with the id {found.st_uid}"
    if stat.S_IMODE(found.st_mode) & 0o077:
        return "other users have access to it"
    return None
