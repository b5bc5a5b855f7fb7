"""The vendors of this package: for each entry of the provider info, the simulator's module of that vendor."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from airflow_provider_convexport import get_provider_info as provider

if TYPE_CHECKING:
    from airflow_provider_convexport.simulator.vendor_api import VendorApi


@cache
def registered_vendors() -> tuple[VendorApi, ...]:
    """Return ``API`` of every vendor's module, in the order of the provider's entries."""
    return tuple(_api(provider.module_of(vendor, "simulator")) for vendor in provider.VENDORS)


def _api(module: str) -> VendorApi:
    api: VendorApi = import_module(module).API
    return api
