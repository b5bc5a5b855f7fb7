"""The object stores as others see them: through their vendors' own clients, not through fsspec."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from tests.stores.servers import S3_KEYS
from tests.support import published
from tests.support.published import Objects

AZURE_ACCOUNT = "devstoreaccount1"
# The development key that Microsoft publishes for its emulator; it opens nothing else.
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
BUCKET = "conversations"


class Bucket(Protocol):
    """One bucket or container, or a folder of this machine.

    :param conn_id: Airflow connection of the store.
    """

    conn_id: str

    def connections(self, url: str | None = None) -> dict[str, str]:
        """Return Airflow connections, as environment variables: the right one and a refused one.

        :param url: Where the store is, if not at its own address (behind a proxy).
        """

    def url(self, root: str) -> str:
        """Return the destination to give to an operator."""

    def sizes(self, root: str) -> dict[str, int]:
        """Return the sizes of all objects under a root by name."""

    def read(self, root: str, name: str) -> bytes | None:
        """Return an object's content, or ``None``."""


def _variables(name: str, right: dict[str, Any], refused: dict[str, Any]) -> dict[str, str]:
    return {
        f"AIRFLOW_CONN_{name.upper()}": json.dumps(right),
        f"AIRFLOW_CONN_{name.upper()}_REFUSED": json.dumps(refused),
    }


@dataclass
class S3:
    """A bucket of the RADOS Gateway."""

    endpoint: str
    conn_id = "lake_s3"

    def __post_init__(self) -> None:
        import boto3

        self.client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=S3_KEYS[0],
            aws_secret_access_key=S3_KEYS[1],
            region_name="us-east-1",
        )
        self.client.create_bucket(Bucket=BUCKET)

    def connections(self, url: str | None = None) -> dict[str, str]:
        def connection(secret: str) -> dict[str, Any]:
            extra = {"endpoint_url": url or self.endpoint, "region_name": "us-east-1"}
            return {"conn_type": "aws", "login": S3_KEYS[0], "password": secret, "extra": extra}

        return _variables(self.conn_id, connection(S3_KEYS[1]), connection("wrong-secret"))

    def url(self, root: str) -> str:
        return f"s3://{self.conn_id}@{BUCKET}/{root}"

    def sizes(self, root: str) -> dict[str, int]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{root}/")
        return {
            each["Key"].removeprefix(f"{root}/"): each["Size"]
            for page in pages
            for each in page.get("Contents", ())
        }

    def read(self, root: str, name: str) -> bytes | None:
        try:
            return self.client.get_object(Bucket=BUCKET, Key=f"{root}/{name}")["Body"].read()
        except self.client.exceptions.NoSuchKey:
            return None

    def pending_uploads(self) -> int:
        """Return the number of multipart uploads that were neither completed nor aborted."""
        return len(self.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", ()))


@dataclass
class Azure:
    """A container of Azurite."""

    endpoint: str
    conn_id = "lake_azure"

    def __post_init__(self) -> None:
        from azure.storage.blob import BlobServiceClient

        service = BlobServiceClient(f"{self.endpoint}/{AZURE_ACCOUNT}", credential=AZURE_KEY)
        self.client = service.create_container(BUCKET)

    def connections(self, url: str | None = None) -> dict[str, str]:
        def connection(key: str) -> dict[str, Any]:
            text = (
                f"DefaultEndpointsProtocol=http;AccountName={AZURE_ACCOUNT};AccountKey={key};"
                f"BlobEndpoint={url or self.endpoint}/{AZURE_ACCOUNT};"
            )
            return {"conn_type": "wasb", "extra": {"connection_string": text}}

        return _variables(self.conn_id, connection(AZURE_KEY), connection("d3Jvbmc="))

    def url(self, root: str) -> str:
        return f"abfs://{self.conn_id}@{BUCKET}/{root}"

    def sizes(self, root: str) -> dict[str, int]:
        blobs = self.client.list_blobs(name_starts_with=f"{root}/")
        return {blob.name.removeprefix(f"{root}/"): blob.size for blob in blobs}

    def read(self, root: str, name: str) -> bytes | None:
        from azure.core.exceptions import ResourceNotFoundError

        try:
            return bytes(self.client.download_blob(f"{root}/{name}").readall())
        except ResourceNotFoundError:
            return None


@dataclass
class Gcs:
    """A bucket of gcp-storage-emulator."""

    endpoint: str
    conn_id = "lake_gcs"

    def __post_init__(self) -> None:
        from google.auth.credentials import AnonymousCredentials
        from google.cloud.storage import Client

        client = Client("test", AnonymousCredentials(), client_options={"api_endpoint": self.endpoint})
        self.client = client.create_bucket(BUCKET)

    def connections(self, url: str | None = None) -> dict[str, str]:
        extra = {"is_anonymous": True, "project": "test", "gcs.endpoint": url or self.endpoint}
        connection = {"conn_type": "google_cloud_platform", "extra": extra}
        return _variables(self.conn_id, connection, connection)  # the emulator refuses nobody

    def url(self, root: str) -> str:
        return f"gs://{self.conn_id}@{BUCKET}/{root}"

    def sizes(self, root: str) -> dict[str, int]:
        return {
            blob.name.removeprefix(f"{root}/"): blob.size
            for blob in self.client.list_blobs(prefix=f"{root}/")
        }

    def read(self, root: str, name: str) -> bytes | None:
        from google.cloud.exceptions import NotFound

        try:
            return self.client.blob(f"{root}/{name}").download_as_bytes()
        except NotFound:
            return None


@dataclass
class Disk:
    """A folder of this machine."""

    folder: Path
    conn_id = ""

    def connections(self, url: str | None = None) -> dict[str, str]:
        return {}

    def url(self, root: str) -> str:
        return f"file://{self.folder}/{root}"

    def sizes(self, root: str) -> dict[str, int]:
        found = {}
        for path in (self.folder / root).rglob("*"):
            try:
                if path.is_file():
                    found[str(path.relative_to(self.folder / root))] = path.stat().st_size
            except FileNotFoundError:
                continue
        return found

    def read(self, root: str, name: str) -> bytes | None:
        try:
            return (self.folder / root / name).read_bytes()
        except FileNotFoundError:
            return None


def partitions(bucket: Bucket, root: str) -> dict[str, list[bytes]]:
    """Return the records of every partition; see `tests.support.published.partitions`."""
    return published.partitions(_objects(bucket, root))


def assert_tidy(bucket: Bucket, root: str) -> None:
    """Nothing lies there but manifests and the files that they name."""
    published.assert_tidy(_objects(bucket, root))


def _objects(bucket: Bucket, root: str) -> Objects:
    return Objects(bucket.sizes(root), partial(bucket.read, root))
