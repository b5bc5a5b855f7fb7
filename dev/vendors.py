"""Connections and pools of all vendors, derived from the hooks' and the simulator's own data."""

from __future__ import annotations

import json

from airflow_provider_convexport.hooks.vendors import hook_of, vendors
from airflow_provider_convexport.simulator.settings import SimulatorSettings


def connections(url: str, *, settings: SimulatorSettings | None = None) -> dict[str, str]:
    """Return environment variables with every vendor's default connection to a simulator.

    :param url: URL of the simulator.
    :param settings: The simulator's settings, which contain keys and scopes; the default ones if left out.
    """
    settings = settings or SimulatorSettings()
    variables = {}
    for vendor in vendors():
        connection = {
            "conn_type": vendor,
            "host": url,
            "password": settings.key_of(vendor),
            "extra": settings.connection_extra_of(vendor),
        }
        variables[f"AIRFLOW_CONN_{hook_of(vendor).default_conn_name.upper()}"] = json.dumps(connection)
    return variables


def scope_of(vendor: str) -> dict[str, str]:
    """Return the simulator's first shop or bot of a vendor, by the name of the connection's extra.

    It is empty for a vendor without shops or bots.
    """
    return SimulatorSettings().connection_extra_of(vendor)


def scope_folder(vendor: str) -> str:
    """Return the folder of `scope_of` below a destination, such as ``shop_id=…/``; empty without a scope."""
    return "".join(f"{name}={value}/" for name, value in scope_of(vendor).items())


def pools() -> dict[str, dict[str, object]]:
    """Return the vendors' pools by name, in the form of ``airflow pools import``."""
    return {
        f"convexport_{vendor}": {
            "slots": hook_of(vendor).pool_slots,
            "description": f"Exports from {hook_of(vendor).title}",
            "include_deferred": False,
        }
        for vendor in vendors()
    }
