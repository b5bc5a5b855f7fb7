"""URLs of catalogs, warehouses and tables: what they may hold, and what may be shown of them."""

from __future__ import annotations

from urllib.parse import urlsplit

from airflow_provider_convexport.errors import ConfigurationError

_PLAIN = ("s3", "s3a", "s3n", "gs", "gcs")
"""Schemes of URLs in which nothing stands before the name of the bucket."""
_AZURE = ("abfs", "abfss", "wasb", "wasbs")
"""Schemes of URLs in which the container stands before the name of the account."""


def check_url(url: str, what: str) -> None:
    """Refuse a URL with the id of an Airflow connection, which pyiceberg takes for a part of the bucket.

    :param url: The URL.
    :param what: What it is, for the message.
    :raises ConfigurationError: if it names one.
    """
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if at and (parts.scheme in _PLAIN or "." not in host):
        raise ConfigurationError(
            f"{what} names {user!r} before the bucket, as Airflow's URLs name a connection. Iceberg knows no "
            "Airflow connections: leave it out, and put the credentials of the store into the extra of the "
            "Iceberg connection. Azure's URLs are abfss://container@account.dfs.core.windows.net/folder."
        )


def without_credentials(url: str) -> str:
    """Return a URL without user, password and query; Azure's container before the ``@`` stays."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url.partition("?")[0]
    place, slash, path = rest.partition("?")[0].partition("/")
    user, _, host = place.rpartition("@")
    shown = place if scheme in _AZURE and ":" not in user else host
    return f"{scheme}://{shown}{slash}{path}"
