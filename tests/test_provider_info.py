from __future__ import annotations

import importlib
import json
from importlib.metadata import entry_points
from importlib.resources import files

import jsonschema
import pytest

from airflow_provider_convexport import __version__
from airflow_provider_convexport.get_provider_info import get_provider_info

INFO = get_provider_info()
CONNECTIONS = INFO["connection-types"]
MODULE_LISTS = ("hooks", "operators", "sensors", "triggers", "transfers")
COMMON_FIELDS = {"timeout", "verify", "proxies", "allow_http"}

# Airflow ignores keys that it does not know, so a misspelt one is a missing feature.
KEYS = {
    "package-name",
    "name",
    "description",
    "integrations",
    "hooks",
    "operators",
    "sensors",
    "triggers",
    "connection-types",
    "extra-links",
    "config",
}
CONNECTION_KEYS = {"connection-type", "hook-name", "hook-class-name", "ui-field-behaviour", "conn-fields"}
FORM_KEYS = {"hidden-fields", "relabeling", "placeholders"}
FIELD_KEYS = {"label", "description", "schema"}
SCHEMA_KEYS = {"type", "default", "enum", "minimum", "maximum", "format"}
STANDARD_FIELDS = {"description", "host", "port", "login", "password", "schema", "extra"}


def load(path):
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def by_type(entry):
    return entry["connection-type"]


def test_the_entry_point_leads_to_the_info():
    (entry_point,) = (
        entry_point
        for entry_point in entry_points(group="apache_airflow_provider")
        if entry_point.value.startswith("airflow_provider_convexport.")
    )

    assert entry_point.name == "provider_info"
    assert entry_point.load()() == INFO


def test_airflows_own_schema_accepts_the_info():
    schema = json.loads(files("airflow").joinpath("provider_info.schema.json").read_text())

    jsonschema.validate(INFO, schema)


def test_every_key_is_one_that_airflow_knows():
    """Airflow 3.1 does not know ``cli`` yet, and passes over it."""
    assert INFO.keys() <= KEYS | {"cli"}


@pytest.mark.parametrize("entry", CONNECTIONS, ids=by_type)
def test_every_key_of_a_connection_is_one_that_airflow_knows(entry):
    assert entry.keys() <= CONNECTION_KEYS
    assert entry["ui-field-behaviour"].keys() <= FORM_KEYS
    for form in entry["ui-field-behaviour"].values():
        assert set(form) <= STANDARD_FIELDS
    for field in entry["conn-fields"].values():
        assert field.keys() == FIELD_KEYS
        assert field["schema"].keys() <= SCHEMA_KEYS


def test_every_named_module_exists_and_belongs_to_a_named_integration():
    integrations = {entry["integration-name"] for entry in INFO["integrations"]}
    lists = [entry for kind in MODULE_LISTS for entry in INFO.get(kind, [])]

    assert lists
    for entry in lists:
        assert entry["integration-name"] in integrations
        for module in entry["python-modules"]:
            importlib.import_module(module)


def test_every_named_link_exists():
    for path in INFO.get("extra-links", []):
        assert load(path)


@pytest.mark.parametrize("entry", CONNECTIONS, ids=by_type)
def test_a_connection_type_is_its_hooks(entry):
    hook = load(entry["hook-class-name"])

    assert (entry["connection-type"], entry["hook-name"]) == (hook.conn_type, hook.hook_name)
    assert hook.default_conn_name == f"{hook.conn_type}_default"


@pytest.mark.parametrize("entry", CONNECTIONS, ids=by_type)
def test_a_form_offers_the_extras_that_the_hook_reads_and_no_others(entry):
    hook = load(entry["hook-class-name"])

    assert entry["conn-fields"].keys() == {*hook.extras, *COMMON_FIELDS}


@pytest.mark.parametrize("entry", CONNECTIONS, ids=by_type)
def test_a_form_shows_the_address_that_the_hook_falls_back_to(entry):
    address = load(entry["hook-class-name"]).address

    assert address in (None, entry["ui-field-behaviour"]["placeholders"]["host"])


@pytest.mark.parametrize("section", INFO["config"])
def test_every_option_is_described(section):
    options = INFO["config"][section]["options"]

    for option in options.values():
        assert option["description"].endswith(".")
        assert option["type"] in {"string", "boolean", "integer", "float"}
        assert option.keys() >= {"default", "version_added", "example"}


def test_no_option_claims_to_be_newer_than_the_package():
    versions = [
        tuple(map(int, option["version_added"].split(".")))
        for section in INFO["config"].values()
        for option in section["options"].values()
    ]

    assert max(versions) <= tuple(map(int, __version__.split(".")[:3]))
