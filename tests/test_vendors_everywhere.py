"""A vendor is declared once, by its hook; what other files repeat of it is compared with that here.

Each message names the file to mend and says what is missing in it.
"""

from __future__ import annotations

import json
import re
from dataclasses import astuple
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from airflow_provider_convexport.get_provider_info import get_provider_info
from airflow_provider_convexport.hooks.vendors import hook_of, vendors
from airflow_provider_convexport.simulator.registry import registered_vendors
from dev.vendors import pools, scope_of

REPOSITORY = Path(__file__).parents[1]
INFO = get_provider_info()
VENDORS_PAGE = "docs/vendors.md"
SIMULATOR = "http://simulator:8600"

each_vendor = pytest.mark.parametrize("vendor", vendors())


def text_of(file):
    return (REPOSITORY / file).read_text()


OF_ALL_VENDORS = {
    "hooks": [],
    "operators": [f"airflow_provider_convexport.operators.{kind}" for kind in ("audit", "tables")],
}
"""Modules that belong to no vendor."""


def compare(file, found, expected, *, what):
    """Fail with the name of the file and both values unless they are equal."""
    assert found == expected, f"Mend {file}: {what} is {found!r}, but the vendors' own data say {expected!r}."


def includes(file, found, expected, *, what):
    """Fail with the name of the file and what is missing unless all of ``expected`` is in ``found``."""
    missing = [each for each in expected if each not in found]
    assert not missing, f"Mend {file}: {what} lacks {missing}."


def compose():
    return yaml.safe_load(text_of("docker-compose.yaml"))["services"]


def example_variables():
    lines = text_of(".env.example").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def table_column(title):
    """Return the cells below a title of the table of docs/vendors.md, by the first cell of their row."""
    lines = text_of(VENDORS_PAGE).splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")]
    header = next((row for row in rows if title in row), None)
    assert header, f"Mend {VENDORS_PAGE}: no table has a column {title!r}."
    return {row[0]: row[header.index(title)] for row in rows if len(row) == len(header)}


def table_cell(title, about):
    """Return the cell of a column whose row begins with a text that contains ``about``."""
    found = [cell for name, cell in table_column(title).items() if about in name]
    assert len(found) == 1, f"Mend {VENDORS_PAGE}: not exactly one row is about {about!r}."
    return found[0]


@each_vendor
def test_the_provider_info_names_the_vendors_modules(vendor):
    file, title = "airflow_provider_convexport/get_provider_info.py", hook_of(vendor).title
    includes(file, [each["integration-name"] for each in INFO["integrations"]], [title], what="integrations")
    for kind in ("hooks", "operators"):
        modules = {each["integration-name"]: each["python-modules"] for each in INFO[kind]}
        compare(
            file,
            modules.get(title),
            [f"airflow_provider_convexport.{kind}.{vendor}", *OF_ALL_VENDORS[kind]],
            what=f"{kind} of {title}",
        )
    includes(file, [each["integration-name"] for each in INFO["sensors"]], [title], what="sensors")
    includes(file, INFO["description"], [title], what="description")


@each_vendor
def test_the_operators_module_exists(vendor):
    name = f"airflow_provider_convexport.operators.{vendor}"
    assert find_spec(name), f"Write airflow_provider_convexport/operators/{vendor}.py."


def test_the_simulator_has_every_vendor():
    compare(
        "airflow_provider_convexport/simulator/registry.py",
        sorted(each.name for each in registered_vendors()),
        vendors(),
        what="registered_vendors()",
    )


@each_vendor
def test_the_simulator_has_every_stream_and_a_scope_for_the_connection(vendor):
    (simulated,) = (each for each in registered_vendors() if each.name == vendor)
    file = f"airflow_provider_convexport/simulator/{vendor}.py"
    includes(file, simulated.streams, hook_of(vendor).streams, what="streams")
    assert all(scope_of(vendor).values()), f"Mend {file}: it has no value for {hook_of(vendor).extras}."


@each_vendor
def test_the_registry_metadata_names_the_hook_and_the_operator(vendor):
    found = yaml.safe_load(text_of(".airflow-registry.yaml"))
    for kind in ("hooks", "operators"):
        modules = [entry["module"].rpartition(".")[0] for entry in found[kind]]
        includes(
            ".airflow-registry.yaml", modules, [f"airflow_provider_convexport.{kind}.{vendor}"], what=kind
        )


def test_the_pools_of_docker_compose_are_the_vendors():
    file = "docker/airflow/pools.json"
    compare(file, json.loads(text_of(file)), pools(), what="the file")


@each_vendor
def test_every_vendor_has_an_example_dag_that_uses_its_pool_and_says_how_to_make_it(vendor):
    file = f"dags_examples/{vendor}_daily.py"
    assert (REPOSITORY / file).exists(), f"Write {file}."
    text, (pool,) = text_of(file), [name for name in pools() if name == f"convexport_{vendor}"]
    includes(
        file,
        text,
        [f'"pool": "{pool}"', f"airflow pools set {pool} {pools()[pool]['slots']} "],
        what="the Dag",
    )


@each_vendor
def test_docker_compose_connects_every_airflow_service_with_the_vendor(vendor):
    hook, prefix = hook_of(vendor), vendor.upper()
    expected = {
        "conn_type": vendor,
        "host": f"${{{prefix}_HOST:-{SIMULATOR}}}",
        "password": f"${{{prefix}_API_KEY:?run docker/new_env.sh first}}",
        "extra": {
            **{name: f"${{{prefix}_{name.upper()}:-{value}}}" for name, value in scope_of(vendor).items()},
            "allow_http": True,
        },
    }
    for name, service in compose().items():
        if name.startswith("airflow-"):
            found = service["environment"].get(f"AIRFLOW_CONN_{hook.default_conn_name.upper()}", "null")
            compare(
                "docker-compose.yaml",
                json.loads(found),
                expected,
                what=f"the connection of {name} to {vendor}",
            )


@each_vendor
def test_docker_compose_mounts_the_vendors_daily_dag_and_gives_the_simulator_its_key(vendor):
    services = compose()
    mount = f"./dags_examples/{vendor}_daily.py:/opt/airflow/dags/{vendor}_daily.py:ro"
    for name, service in services.items():
        if name.startswith("airflow-") and name != "airflow-init":
            includes("docker-compose.yaml", service["volumes"], [mount], what=f"volumes of {name}")
    key = f"--{vendor.replace('_', '-')}-key=${{{vendor.upper()}_API_KEY:?run docker/new_env.sh first}}"
    includes("docker-compose.yaml", services["simulator"]["command"], [key], what="the simulator's command")


@each_vendor
def test_the_example_of_env_has_the_vendors_variables(vendor):
    prefix = vendor.upper()
    expected = {f"{prefix}_API_KEY": "", f"{prefix}_HOST": SIMULATOR} | {
        f"{prefix}_{name.upper()}": value for name, value in scope_of(vendor).items()
    }
    found = {name: value for name, value in example_variables().items() if name in expected}
    compare(".env.example", found, expected, what=f"the variables of {vendor}")


@each_vendor
def test_the_table_of_vendors_states_what_the_streams_declare(vendor):
    title, file = hook_of(vendor).title, VENDORS_PAGE
    for stream in hook_of(vendor).streams.values():
        for about, names in {
            "streams": [stream.name],
            "id field": [stream.id_field],
            "window_on": stream.time_fields,
            "filters": stream.filters,
        }.items():
            includes(
                file, table_cell(title, about), [f"`{each}`" for each in names], what=f"{about} of {title}"
            )
        sizes = re.findall(r"\d+", table_cell(title, "page size").replace(",", "").replace(" to ", " "))
        page = list(map(str, astuple(stream.page_size)[1:]))
        compare(file, sizes, page, what=f"page size of {title}")
        windows = "concurrent request windows"
        compare(file, table_cell(title, windows), str(stream.concurrency), what=f"{windows} of {title}")


@each_vendor
def test_the_table_of_vendors_states_the_rate_limits(vendor):
    hook = hook_of(vendor)
    stated = re.findall(r"[\d,]*\d(?= an? )", table_cell(hook.title, "limits"))
    compare(
        VENDORS_PAGE, stated, [f"{limit.requests:,}" for limit in hook.limits], what=f"limits of {hook.title}"
    )


@each_vendor
def test_the_page_on_connections_states_the_vendors_connection(vendor):
    hook, file = hook_of(vendor), "docs/connections.md"
    rows = [line for line in text_of(file).splitlines() if f"| `{vendor}` |" in line]
    assert len(rows) == 1, f"Mend {file}: no row of a table is about the connection type {vendor}."
    includes(
        file,
        rows[0],
        [f"`{hook.default_conn_name}`", f"`{hook.address or 'https://'}"],
        what=f"row of {vendor}",
    )
    includes(file, text_of(file), [f"| extra `{name}` |" for name in hook.extras], what="the table of fields")
