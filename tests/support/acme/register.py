"""Acme, a vendor that exists in tests only: its entry. ``pytest -p tests.support.acme.register`` adds it.

Like the provider info itself this is imported before Airflow, so it must not import anything that needs it.
"""

from __future__ import annotations

from airflow_provider_convexport import get_provider_info as provider

ENTRY = {
    "name": "Acme",
    "module": "acme",
    "hook_name": "Acme",
    "hook_class": "AcmeHook",
    "docs": "https://acme.example/docs",
    "address": "https://api.acme.example",
    "scope": "team_id",
    "scope_label": "Team id",
    "scope_description": "Team to export, unless a Dag names another.",
    "hooks": "tests.support.acme.hook",
    "operators": "tests.support.acme.operator",
    "simulator": "tests.support.acme.simulator",
    "tables": "tests.support.acme.tables",
}

provider.VENDORS = (*provider.VENDORS, ENTRY)
