"""The page of a folder in the console of its cloud, where the URL says which cloud that is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from airflow_provider_convexport.export.dataset.reader import plain_url

if TYPE_CHECKING:
    from airflow_provider_convexport.export.dataset.store import Store

_AWS = {"cn-": "console.amazonaws.cn", "us-gov-": "console.amazonaws-us-gov.com"}
"""Consoles of regions with a console of their own, by the beginning of the region's name."""
_AZURE = "https://portal.azure.com/#browse/Microsoft.Storage%2FStorageAccounts"
"""The list of storage accounts: a container's own page needs its subscription and resource group."""


def page_of(store: Store) -> str:
    """Return the address of a store's root in its cloud's console; empty if it has none.

    A server of one's own that speaks the protocol of a cloud, or an emulator, has none. Nothing is asked.
    """
    scheme, _, rest = plain_url(store.url).partition("://")
    bucket, _, folder = rest.partition("/")
    folder = folder.strip("/")
    if scheme in ("s3", "s3a", "s3n"):
        return _amazon(store.fs, bucket, folder)
    if scheme in ("gs", "gcs"):
        return _google(store.fs, bucket, folder)
    if scheme in ("abfs", "abfss"):
        return _azure(store.fs)
    return ""


def _amazon(fs: Any, bucket: str, folder: str) -> str:
    options = getattr(fs, "client_kwargs", None) or {}
    variables = (os.environ.get(name) for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"))
    endpoints = (getattr(fs, "endpoint_url", None), options.get("endpoint_url"), *variables)
    if any(
        endpoint and not _is_below(endpoint, "amazonaws.com", "amazonaws.com.cn") for endpoint in endpoints
    ):
        return ""
    region = str(options.get("region_name") or "")
    host = next((each for begin, each in _AWS.items() if region.startswith(begin)), "console.aws.amazon.com")
    return f"https://{host}/s3/buckets/{quote(bucket, safe='')}?prefix={quote(f'{folder}/', safe='')}"


def _google(fs: Any, bucket: str, folder: str) -> str:
    endpoints = (getattr(fs, "_endpoint", None), os.environ.get("STORAGE_EMULATOR_HOST"))
    if any(endpoint and not _is_below(endpoint, "googleapis.com") for endpoint in endpoints):
        return ""
    return f"https://console.cloud.google.com/storage/browser/{quote(bucket, safe='')}/{quote(folder)}"


def _azure(fs: Any) -> str:
    connection = str(getattr(fs, "connection_string", None) or "")
    host = str(getattr(fs, "account_host", None) or "")
    is_emulator = (
        getattr(fs, "account_name", None) == "devstoreaccount1" or "BlobEndpoint=http://" in connection
    )
    if is_emulator or (host and not _is_below(f"https://{host}", "core.windows.net")):
        return ""
    return _AZURE


def _is_below(endpoint: object, *domains: str) -> bool:
    host = urlsplit(str(endpoint)).hostname or ""
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)
