"""What the manifest of a table's partition says, and what it must not differ in from one that replaces it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET, UnsetType

from airflow_provider_convexport import __version__
from airflow_provider_convexport.export.dataset.manifest import FORMAT_VERSION, TableFacts
from airflow_provider_convexport.export.window import iso
from airflow_provider_convexport.tables.target import TableVersion

if TYPE_CHECKING:
    from airflow_provider_convexport.export.dataset.manifest import FileEntry, Manifest
    from airflow_provider_convexport.export.job import TaskTry
    from airflow_provider_convexport.tables.target import BuiltPartition, TablePartition


def manifest_of(
    built: BuiltPartition, task: TaskTry, *, commit: str, files: list[FileEntry], published_at: float
) -> Manifest:
    """Return the manifest of a partition: that of the raw version, with what the table has of its own.

    :param built: The partition.
    :param task: The task try that writes it.
    :param commit: Id of the commit.
    :param files: Its files.
    :param published_at: The present time as epoch seconds.
    """
    version = built.version
    return msgspec.structs.replace(
        built.raw,
        format_version=FORMAT_VERSION,
        provider_version=__version__,
        window_on=built.key.window_on,
        records=built.rows,
        files=files,
        dag_id=task.dag_id,
        task_id=task.task_id,
        run_id=task.run_id,
        map_index=task.map_index,
        try_number=task.try_number,
        commit=commit,
        committed_at=iso(datetime.fromtimestamp(round(published_at), tz=UTC)),
        content_digest=UNSET,
        checked_at=UNSET,
        table=TableFacts(built.key.table, version.schema_version, version.include_raw),
        source=version.source,
        drift={column: dict(kinds) for column, kinds in built.drift.items()},
    )


def version_of(manifest: Manifest) -> TableVersion:
    """Return what determines the rows of a partition of a table.

    :raises TypeError: if it is the manifest of an export.
    """
    if isinstance(manifest.source, UnsetType) or isinstance(manifest.table, UnsetType):
        raise TypeError("This is not the manifest of a table.")
    return TableVersion(manifest.source, manifest.table.schema_version, manifest.table.include_raw)


def differences_of(manifest: Manifest, key: TablePartition) -> dict[str, tuple[object, object]]:
    """Return what a partition and one that would replace it differ in, and must not.

    :returns: What differs to its value there and here.
    """
    is_table = not (isinstance(manifest.table, UnsetType) or isinstance(manifest.source, UnsetType))
    table = manifest.table.name if is_table and not isinstance(manifest.table, UnsetType) else None
    there = {
        "table": table,
        "vendor": manifest.vendor,
        "stream": manifest.stream,
        "account": "" if isinstance(manifest.account, UnsetType) else manifest.account,
        "scope": dict(manifest.scope),
        "filters": dict(manifest.filters),
        "window_on": manifest.window_on,
    }
    here = {
        "table": key.table,
        "vendor": key.vendor,
        "stream": key.stream,
        "account": key.account,
        "scope": dict(key.scope),
        "filters": dict(key.filters),
        "window_on": key.window_on,
    }
    return {name: (there[name], here[name]) for name in here if there[name] != here[name]}
