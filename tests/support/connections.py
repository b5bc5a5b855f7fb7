"""The vendors' Airflow connections, as environment variables."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_convexport.hooks.vendors import hook_of
from dev.vendors import connections
from tests.support.vendors import scope_of

if TYPE_CHECKING:
    from airflow_provider_convexport.simulator.server import RunningSimulator

KEY = "top-secret-key-42"


def connection_to(vendor: str, url: str | None, *, key: str | None = KEY, **changes: Any) -> dict[str, str]:
    """Return a vendor's default connection as one environment variable.

    :param vendor: The vendor's machine name.
    :param url: The connection's host.
    :param key: The connection's password.
    :param changes: Further fields; ``extra`` replaces the usual one, which names a shop or bot.
    """
    connection = {"conn_type": vendor, "host": url, "password": key, "extra": scope_of(vendor), **changes}
    return {f"AIRFLOW_CONN_{hook_of(vendor).default_conn_name.upper()}": json.dumps(connection)}


def connections_to(simulator: RunningSimulator) -> dict[str, str]:
    """Return the default connections of all vendors to a simulator."""
    return connections(simulator.url, settings=simulator.settings)


def define(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    """Put variables into the environment until the test ends."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def connections_here() -> dict[str, str]:
    """Return this process's connections, for another process."""
    return {name: value for name, value in os.environ.items() if name.startswith("AIRFLOW_CONN_")}


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Defines the default connection of a vendor; takes what `connection_to` takes."""

    def define_one(vendor: str, host: str | None, **changes: Any) -> None:
        define(monkeypatch, connection_to(vendor, host, **changes))

    return define_one
