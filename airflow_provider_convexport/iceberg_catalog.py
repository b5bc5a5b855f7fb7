"""Turns an Airflow connection of the type ``iceberg`` into a target of tables."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from sqlalchemy.exc import ArgumentError

from airflow_provider_convexport.compat import AirflowNotFoundException
from airflow_provider_convexport.errors import ConfigurationError, ConvExportError
from airflow_provider_convexport.tables.iceberg import IcebergTarget, parts_of, require_pyiceberg
from airflow_provider_convexport.tables.iceberg_problems import CatalogProblem, explained, unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyiceberg.catalog import Catalog

    from airflow_provider_convexport.export.job import TaskTry


@contextlib.contextmanager
def iceberg_target(conn_id: str, namespace: str, task: TaskTry) -> Iterator[IcebergTarget]:
    """Return a target until the end of the block; uploaded files that it has not switched are deleted then.

    :param conn_id: Airflow connection of the catalog.
    :param namespace: Namespace of the tables.
    :param task: The task try that writes.
    :raises ConfigurationError: as `iceberg_catalog`, or if the namespace is empty.
    :raises DestinationUnavailableError: if the catalog does not answer.
    """
    parts_of(namespace)
    with contextlib.closing(iceberg_catalog(conn_id)) as catalog:
        target = IcebergTarget(catalog, namespace, task)
        try:
            yield target
        except ConvExportError:
            target.abandon()
            raise


def iceberg_catalog(conn_id: str) -> Catalog:
    """Return the catalog of a connection, by Airflow's own `IcebergHook`.

    :param conn_id: Id of the connection.
    :raises ConfigurationError: if pyiceberg or Airflow's Iceberg provider is not installed, or the connection
        does not exist or is refused.
    :raises DestinationUnavailableError: if the catalog does not answer.
    """
    require_pyiceberg()
    try:
        # Not at the top, because both are optional.
        from airflow.providers.apache.iceberg.hooks.iceberg import IcebergHook  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "Iceberg tables need Airflow's Iceberg provider; install airflow-provider-convexport[iceberg]."
        ) from error
    from pyiceberg.exceptions import NotInstalledError

    try:
        with explained():
            return IcebergHook(conn_id).catalog
    except AirflowNotFoundException:
        raise ConfigurationError(
            f"The connection {conn_id!r} that iceberg_conn_id names does not exist; create it."
        ) from None
    except ConfigurationError:
        raise
    except (NotInstalledError, ValueError) as error:
        raise _no_catalog(conn_id, error) from error
    except CatalogProblem as error:
        if isinstance(error.__cause__, ArgumentError):  # the URI of a SQL catalog
            raise _no_catalog(conn_id, error.__cause__) from error
        raise unavailable(f"of {conn_id!r}", error.problem) from error


def _no_catalog(conn_id: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"The connection {conn_id!r} is not one of a catalog that pyiceberg can load "
        f"({type(error).__name__}); its extra needs the catalog's type (rest, sql, glue or hive), and "
        "that type's library must be installed."
    )
