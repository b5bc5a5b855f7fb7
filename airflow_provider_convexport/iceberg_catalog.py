"""Turns an Airflow connection of the type ``iceberg`` into a catalog of pyiceberg."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_convexport.compat import AirflowNotFoundException
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.tables.iceberg import require_pyiceberg
from airflow_provider_convexport.tables.iceberg_problems import CatalogProblem, explained, unavailable

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog


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
    except (NotInstalledError, ValueError) as error:
        if isinstance(error, ConfigurationError):
            raise
        raise ConfigurationError(
            f"The connection {conn_id!r} is not one of a catalog that pyiceberg can load "
            f"({type(error).__name__}); its extra needs the catalog's type (rest, sql, glue or hive), and "
            "that type's library must be installed."
        ) from error
    except CatalogProblem as error:
        raise unavailable(f"of {conn_id!r}", error.problem) from error
