"""Turns a Dag's ``destination`` into the store that the engine works on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import ObjectStoragePath

from airflow_provider_convexport.compat import AirflowNotFoundException, BaseHook
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.dataset.store import Store
from airflow_provider_convexport.export.dataset.store_errors import explained
from airflow_provider_convexport.file_systems import LOCAL, file_system_of

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


_SCHEMES = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "adl")
"""Schemes for which an extra of this package installs the library."""


def store_at(destination: str | ObjectStoragePath, *, conn_id: str | None = None) -> Store:
    """Return the store at the root of a dataset.

    :param destination: Any URL that ``ObjectStoragePath`` takes, or an absolute local path.
    :param conn_id: Airflow connection of the storage, unless the URL names it.
    :raises ConfigurationError: if it is relative, names no folder, two connections, a connection that does
        not exist, an unknown scheme, or a file system whose library is not installed.
    """
    _check_arguments(destination, conn_id)
    if _is_relative(str(destination)):
        raise ConfigurationError(
            f"destination={str(destination)!r} is not an absolute path, so the place would depend on the "
            "process that runs the task; write a path that begins with '/', or a URL such as "
            "'s3://conn@bucket/folder'."
        )
    path = _path(destination)
    named = _conn_id(path)
    if conn_id and named and named != conn_id:
        raise ConfigurationError(
            f"destination names the connection {named!r} and destination_conn_id is "
            f"{conn_id!r}; keep one of them."
        )
    if conn_id and not named:
        path = _path(str(destination), conn_id=conn_id)
    if not path.path.strip("/"):
        raise ConfigurationError(f"destination={str(destination)!r} has no folder; name one for the dataset.")
    connection = _conn_id(path)
    with explained(str(path), connection):
        fs = _file_system(path, connection, str(destination))
    root = str(fs._strip_protocol(path.path)).rstrip("/")
    url = f"file://{root}" if path.protocol in LOCAL else str(path)
    return Store.of(fs, root, url, connection=connection)


def _path(destination: str | ObjectStoragePath, **options: str) -> ObjectStoragePath:
    if isinstance(destination, ObjectStoragePath):
        return destination
    if "://" not in destination:
        destination = f"file://{destination}"
    try:
        return ObjectStoragePath(destination, **options)
    except ValueError:
        raise _unknown_scheme(destination) from None


def _conn_id(path: ObjectStoragePath) -> str | None:
    """Return the connection that a path names: an attribute since Airflow 3.2, before that an option."""
    named = getattr(path, "conn_id", None) or path.storage_options.get("conn_id")
    return str(named) if named else None


def _file_system(path: ObjectStoragePath, connection: str | None, destination: str) -> AbstractFileSystem:
    try:
        if connection:
            # Amazon's hook takes the worker's own credentials, or none, where the connection does not exist.
            BaseHook.get_connection(connection)
        return file_system_of(path, connection)
    except AirflowNotFoundException:
        raise ConfigurationError(
            f"The connection {connection!r} that destination={str(path)!r} names does not exist; create it."
        ) from None
    except (ImportError, ValueError) as error:
        if path.protocol not in (*LOCAL, *_SCHEMES):
            raise _unknown_scheme(destination) from None
        raise ConfigurationError(
            f"destination={str(path)!r} cannot be used: {error}. For s3://, gs:// and abfs:// install "
            "airflow-provider-convexport[s3], [gcs] or [azure]."
        ) from None


def _check_arguments(destination: object, conn_id: object) -> None:
    if not isinstance(destination, (str, ObjectStoragePath)):
        raise ConfigurationError(
            f"destination={destination!r} is neither text nor an ObjectStoragePath; write a URL such as "
            "'s3://conn@bucket/folder', or a local path as text."
        )
    if not str(destination).strip():
        raise ConfigurationError("destination='' is empty; name a folder or a URL for the dataset.")
    if any(each == "\0" or "\ud800" <= each <= "\udfff" for each in str(destination)):
        raise ConfigurationError(
            f"destination={str(destination)!a} holds a character that no folder's name may hold; remove it."
        )
    if not (conn_id is None or isinstance(conn_id, str)):
        raise ConfigurationError(
            f"destination_conn_id={conn_id!r} is not the id of a connection; write it as text."
        )


def _is_relative(destination: str) -> bool:
    scheme, separator, rest = destination.rpartition("://")
    if separator and scheme not in LOCAL:
        return False
    authority, slash, _ = rest.partition("/")
    return not slash or (authority != "" and not authority.endswith("@"))  # the id of a connection


def _unknown_scheme(destination: str) -> ConfigurationError:
    return ConfigurationError(
        f"destination={destination!r} has the scheme {destination.partition('://')[0]!r}, for which Airflow "
        "has no file system here; write s3://, gs://, abfs:// or a local path, or install the Airflow "
        "provider for that scheme."
    )
