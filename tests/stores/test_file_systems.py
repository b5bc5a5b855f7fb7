"""What is assumed about the file systems of Airflow's providers and their libraries."""

from __future__ import annotations

import asyncio
import importlib
import json

import aiohttp
import pytest

from airflow_provider_convexport.compat import file_system_modules
from airflow_provider_convexport.destination import store_at
from airflow_provider_convexport.file_systems import S3_CONNECTIONS, SCHEMES
from tests.support.connections import define

pytest.importorskip("adlfs", reason="The extras are not installed; run make test-stores.")


def test_the_schemes_of_installed_file_systems_are_known():
    found = {name: tuple(importlib.import_module(name).schemes) for name in file_system_modules()}

    assert found == SCHEMES


@pytest.mark.parametrize(
    ("extra", "expected"),
    [({}, S3_CONNECTIONS), ({"config_kwargs": {"max_pool_connections": 7}}, 7)],
    ids=["default", "own"],
)
def test_s3_has_enough_connections_unless_the_airflow_connection_says_otherwise(monkeypatch, extra, expected):
    name = f"pool_{expected}"
    connection = {"conn_type": "aws", "login": "key", "password": "some-secret", "extra": extra}
    define(monkeypatch, {f"AIRFLOW_CONN_{name.upper()}": json.dumps(connection)})

    fs = store_at(f"s3://{name}@bucket/folder").fs

    assert fs.s3.meta.config.max_pool_connections == expected
    assert fs.s3._endpoint.http_session._max_pool_connections == expected


async def _default_connections():
    async with aiohttp.ClientSession() as session:
        return session.connector.limit


def test_the_libraries_for_google_and_azure_open_a_hundred_connections():
    assert asyncio.run(_default_connections()) == 100
