"""Connections and pools of all vendors, derived from the hooks' and the simulator's own data."""

from __future__ import annotations

import json

from airflow_provider_convexport.hooks.vendors import hook_of, vendors
from airflow_provider_convexport.simulator.app import VENDORS
from airflow_provider_convexport.simulator.settings import SimulatorSettings


def connections(url: str, *, settings: SimulatorSettings | None = None) -> dict[str, str]:
    """Return the variables ``AIRFLOW_CONN_*`` of every vendor's default connection, to a simulator.

    :param url: Address of the simulator.
    :param settings: The simulator's settings, which name keys and scopes; the default ones if left out.
    """
    settings = settings or SimulatorSettings()
    return {
        f"AIRFLOW_CONN_{hook_of(vendor).default_conn_name.upper()}": json.dumps(
            {
                "conn_type": vendor,
                "host": url,
                "password": getattr(settings, f"{vendor}_key"),
                "extra": scope_of(vendor, settings=settings),
            }
        )
        for vendor in vendors()
    }


def scope_of(vendor: str, *, settings: SimulatorSettings | None = None) -> dict[str, str]:
    """Return the first shop or bot that the simulator has of a vendor, by the name of the connection's extra.

    Empty for a vendor without such a scope.
    """
    (scopes,) = (each.scopes(settings or SimulatorSettings()) for each in VENDORS if each.name == vendor)
    return dict.fromkeys(hook_of(vendor).extras, scopes[0])


def scope_folder(vendor: str) -> str:
    """Return the folder below a destination for `scope_of`: ``shop_id=…/``, or nothing without a scope."""
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
