"""Loads the file system of a destination without those of other providers.

Airflow imports the file systems of all installed providers when it needs the first one, for local paths, too.
With the providers of Amazon, Google and Microsoft, that takes some 750 modules and more than a second.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from airflow.sdk.io import attach
from fsspec.implementations.local import LocalFileSystem

from airflow_provider_convexport.compat import file_system_modules

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import ObjectStoragePath
    from fsspec import AbstractFileSystem

LOCAL = ("", "file", "local")
"""Schemes of paths on this machine."""

SCHEMES = {
    "airflow.providers.amazon.aws.fs.s3": ("s3", "s3a", "s3n"),
    "airflow.providers.google.cloud.fs.gcs": ("gs", "gcs"),
    "airflow.providers.microsoft.azure.fs.adls": ("abfs", "abfss", "adl"),
    "airflow.providers.microsoft.azure.fs.msgraph": ("msgraph", "sharepoint", "onedrive", "msgd"),
}
"""The schemes of Airflow's own file systems, which otherwise only an import tells."""

S3_CONNECTIONS = 50
"""Maximum number of connections to S3, unless ``config_kwargs`` of the Airflow connection says otherwise.

The default of Amazon's library is 10. The libraries for Google and Azure open up to 100.
"""


def file_system_of(path: ObjectStoragePath, conn_id: str | None) -> AbstractFileSystem:
    """Return the file system of a path: the one that is attached, or else that of the scheme's provider.

    It is attached as Airflow does it, so that it is the same for all paths with this scheme and connection.

    :param path: The path.
    :param conn_id: The connection that the path names.
    :raises ImportError: if a library is missing.
    :raises ValueError: if no provider has a file system for the scheme.
    """
    store = attach(path.protocol or "file", conn_id)
    if "fs" not in vars(store) and (get_fs := _loaded(store.protocol)):
        store.fs = get_fs(conn_id)
    fs: AbstractFileSystem = path.fs
    botocore_config = getattr(fs, "config_kwargs", None)  # of s3fs, which reads it when it first connects
    if botocore_config is not None:
        botocore_config.setdefault("max_pool_connections", S3_CONNECTIONS)
    return fs


def _loaded(scheme: str) -> Callable[[str | None], AbstractFileSystem] | None:
    """Return what creates file systems for a scheme; ``None`` if Airflow has to search for it."""
    installed = file_system_modules()
    if not installed <= set(SCHEMES):
        return None  # Another provider's file system may replace that of any scheme.
    if scheme in LOCAL:
        return lambda _: LocalFileSystem()
    for module in installed:
        if scheme in SCHEMES[module]:
            get_fs: Callable[[str | None], AbstractFileSystem] = import_module(module).get_fs
            return get_fs
    return None
