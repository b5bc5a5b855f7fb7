"""The vendors of this package: for each connection type, the module of that name in this folder."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_convexport.get_provider_info import get_provider_info

if TYPE_CHECKING:
    from airflow_provider_convexport.simulator.vendor_api import VendorApi


@cache
def registered_vendors() -> tuple[VendorApi, ...]:
    """Return ``API`` of every vendor's module, in the order of the provider's connection types."""
    connection_types = cast("list[dict[str, Any]]", get_provider_info()["connection-types"])
    return tuple(_api(each["connection-type"]) for each in connection_types)


def _api(name: str) -> VendorApi:
    api: VendorApi = import_module(f"airflow_provider_convexport.simulator.{name}").API
    return api
