"""A process that writes days into an Iceberg table, started quickly: its modules are loaded only once."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from airflow_provider_convexport.tables.iceberg import IcebergTarget
from tests.support.iceberg import key_of, sql_catalog, task_of, version_of, write

ROWS = 3
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload([__name__])


class Writer:
    """The process; for each version, all days are committed at once, unless a newer one is there.

    :param folder: Folder of the table's files.
    :param uri: The catalog's database.
    """

    def __init__(self, folder: Path, uri: str, days: Sequence[int], versions: Sequence[int]) -> None:
        self._read, write = _SERVER.Pipe(duplex=False)
        self.process: Any = _SERVER.Process(target=_run, args=(write, folder, uri, days, versions))
        self.process.start()
        write.close()

    @property
    def is_alive(self) -> bool:
        return bool(self.process.is_alive())

    def next_version(self) -> int | None:
        """Wait for a commit; ``None`` if there is none any more."""
        try:
            return int(self._read.recv())
        except EOFError:
            return None

    def kill(self) -> None:
        self.process.kill()
        self.process.join()

    def end(self) -> list[int]:
        """Wait for the end; return the versions that were committed and not asked for."""
        versions = list(iter(self.next_version, None))
        self.process.join(120)
        assert self.process.exitcode == 0
        return versions


def _run(sent: Connection, folder: Path, uri: str, days: Sequence[int], versions: Sequence[int]) -> None:
    keys = [key_of(day) for day in days]
    with sql_catalog(folder, uri) as catalog:
        for number in versions:
            target = IcebergTarget(catalog, "support", task_of(f"{days} {number}"))
            version = version_of(number)
            seen = target.seen(keys)
            stale = [key for key in keys if key not in seen or version.source.is_newer_than(seen[key].source)]
            write(target, *((key, version, ROWS) for key in stale))
            sent.send(number)
