"""What docker-compose.yaml promises, read from the file; no Docker is needed."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from airflow_provider_convexport.hooks.vendors import hook_of, vendors
from airflow_provider_convexport.simulator.settings import SimulatorSettings
from dev.cluster.servers import STORE_SCRIPT

REPOSITORY = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((REPOSITORY / "docker-compose.yaml").read_text())
SERVICES = COMPOSE["services"]
ONE_SHOT = {name for name, service in SERVICES.items() if service["restart"] == "no"}
LASTING = sorted(SERVICES.keys() - ONE_SHOT)
AIRFLOW = sorted(name for name in SERVICES if name.startswith("airflow-"))
DOCKERFILES = sorted((REPOSITORY / "docker").glob("*/*Dockerfile"))
VARIABLE = re.compile(r"\$\{(\w+)(:\?|:-)([^{}]*)\}")
SECRET_NAME = re.compile(r"PASSWORD|SECRET|KEY")
REFUSAL = "run docker/new_env.sh first"

every_service = pytest.mark.parametrize("name", sorted(SERVICES))
every_lasting_service = pytest.mark.parametrize("name", LASTING)
every_airflow_service = pytest.mark.parametrize("name", AIRFLOW)


def strings(value):
    match value:
        case dict():
            for each in value.values():
                yield from strings(each)
        case list():
            for each in value:
                yield from strings(each)
        case str():
            yield value


def variables(value):
    return {match for text in strings(value) for match in VARIABLE.findall(text)}


def example_lines():
    lines = (REPOSITORY / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@every_lasting_service
def test_a_lasting_service_has_a_health_check_that_gives_it_time_to_start(name):
    check = SERVICES[name]["healthcheck"]

    assert check["test"][0] in ("CMD", "CMD-SHELL")
    assert {"interval", "timeout", "retries", "start_period"} <= check.keys()
    assert "start_interval" not in check, "older engines refuse it"


def test_only_the_preparation_runs_to_an_end():
    assert sorted(ONE_SHOT) == ["airflow-init"]


@every_lasting_service
def test_a_lasting_service_comes_back_by_itself(name):
    assert SERVICES[name]["restart"] == "unless-stopped"


@every_service
def test_a_service_has_an_init_process_to_pass_signals_and_reap_children(name):
    assert SERVICES[name]["init"] is True


@every_service
def test_a_service_runs_without_root_and_without_capabilities(name):
    assert SERVICES[name]["user"] in ("50000:0", "postgres", "redis", "ceph")
    assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name + "/" + path.name)
def test_an_image_does_not_end_as_root(path):
    users = re.findall(r"^USER (\S+)", path.read_text(), re.MULTILINE)

    assert users[-1] in ("airflow", "ceph", "postgres", "redis")


@every_service
def test_an_image_is_pinned_to_a_version(name):
    _, _, tag = SERVICES[name]["image"].partition(":")

    assert re.match(r"\d+\.\d+", tag)


def test_base_images_are_pinned_to_an_exact_version():
    assert (
        "FROM debian:bookworm-20260824-slim\n" in (REPOSITORY / "docker/object-store/Dockerfile").read_text()
    )
    airflow = re.search(r"apache/airflow:(\S+)", (REPOSITORY / "docker/airflow/Dockerfile").read_text())
    assert airflow
    assert airflow[1] == "3.3.2-python3.12"


def test_the_airflow_image_is_of_the_version_that_the_constraints_pin():
    constraints = (REPOSITORY / "constraints.txt").read_text()
    pinned = re.search(r"^apache-airflow==(\S+)", constraints, re.MULTILINE)
    assert pinned

    assert {SERVICES[name]["image"] for name in AIRFLOW} == {f"convexport-airflow:{pinned[1]}"}
    assert f"apache/airflow:{pinned[1]}-" in (REPOSITORY / "docker/airflow/Dockerfile").read_text()


@every_service
def test_a_port_is_open_to_this_machine_alone(name):
    for port in SERVICES[name].get("ports", ()):
        assert port.startswith("127.0.0.1:${"), "bound to loopback, and its number can be changed"


@every_service
def test_a_service_can_be_run_several_times_if_it_publishes_no_port(name):
    assert "container_name" not in SERVICES[name]
    assert "hostname" not in SERVICES[name]


@every_airflow_service
def test_the_dags_that_are_mounted_are_the_daily_exports(name):
    mounted = {each.split(":")[0] for each in SERVICES[name]["volumes"] if each.startswith("./")}
    daily = {f"./dags_examples/{path.name}" for path in (REPOSITORY / "dags_examples").glob("*_daily.py")}

    assert mounted == (set() if name == "airflow-init" else daily)


def test_there_are_two_workers_and_more_can_be_had():
    worker = SERVICES["airflow-worker"]

    assert worker["deploy"] == {"replicas": 2}
    assert "ports" not in worker


@every_service
def test_data_lies_in_named_volumes_that_are_declared(name):
    for mount in SERVICES[name].get("volumes", ()):
        source, _, rest = mount.partition(":")
        if source.startswith("."):
            assert rest.endswith(":ro"), "the checkout is not written to"
        else:
            assert source in COMPOSE["volumes"]


@pytest.mark.parametrize("name", ["postgres", "redis", "object-store"])
def test_a_service_that_keeps_something_has_a_volume(name):
    assert SERVICES[name]["volumes"]


@every_service
def test_a_service_starts_after_what_it_needs(name):
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        wanted = "service_completed_successfully" if needed in ONE_SHOT else "service_healthy"
        assert how["condition"] == wanted
        assert how.get("required", True) or needed == "simulator"


@every_airflow_service
def test_airflow_starts_after_its_database(name):
    assert "postgres" in SERVICES[name]["depends_on"]
    assert "object-store" in SERVICES[name]["depends_on"]
    assert name == "airflow-init" or "airflow-init" in SERVICES[name]["depends_on"]


def test_no_secret_stands_in_the_file():
    secrets = {name for name in example_lines() if SECRET_NAME.search(name)}

    for name, operator, text in variables(COMPOSE):
        if name in secrets:
            assert (operator, text) == (":?", REFUSAL)
    for text in strings(COMPOSE):
        for value in re.findall(r"\"(?:password|login)\": *\"([^\"]*)\"", text):
            assert VARIABLE.fullmatch(value)
        for value in re.findall(r"://[^:/@]*:([^@/]*)@", VARIABLE.sub(r"<\1>", text)):
            assert re.fullmatch(r"<\w+>", value)


@every_service
def test_no_environment_variable_holds_a_literal_secret(name):
    for variable, value in SERVICES[name].get("environment", {}).items():
        if SECRET_NAME.search(variable) and not variable.endswith("_FILE"):
            assert VARIABLE.search(value), variable


def test_every_variable_is_explained_in_the_example():
    used = {name for name, _, _ in variables(COMPOSE)}

    assert used == example_lines().keys()


def test_defaults_in_the_file_and_in_the_example_agree():
    example = example_lines()

    assert {name: text for name, how, text in variables(COMPOSE) if how == ":-"} == {
        name: value for name, value in example.items() if value
    }


def test_secrets_are_empty_in_the_example():
    required = {name for name, how, _ in variables(COMPOSE) if how == ":?"}

    assert {name for name, value in example_lines().items() if not value} == required


def test_new_secrets_are_written_once_and_for_their_owner_alone(tmp_path):
    script, first, second = REPOSITORY / "docker/new_env.sh", tmp_path / "first", tmp_path / "second"

    for path in (first, second, first):
        text = path.read_text() if path.exists() else None
        subprocess.run([script, path], check=True, capture_output=True)
        assert text is None or path.read_text() == text

    assert first.stat().st_mode & 0o777 == 0o600
    written, other = (
        dict(line.split("=", 1) for line in path.read_text().splitlines() if line and line[0] != "#")
        for path in (first, second)
    )
    example = example_lines()
    assert written.keys() == example.keys()
    for name, value in written.items():
        if example[name]:
            assert value == example[name]
        else:
            assert len(value) >= 16
            assert value != other[name]
            assert re.fullmatch(r"[A-Za-z0-9]+" if name != "AIRFLOW_FERNET_KEY" else r"[-\w]{43}=", value)
    assert len(written["AIRFLOW_JWT_SECRET"]) >= 64
    assert written["APPLIED_LABS_API_KEY"].startswith("AL")


@every_airflow_service
def test_airflow_knows_the_vendors_and_the_store(name):
    environment = SERVICES[name]["environment"]
    connections = {
        variable.removeprefix("AIRFLOW_CONN_"): json.loads(VARIABLE.sub(r"\1", value))
        for variable, value in environment.items()
        if variable.startswith("AIRFLOW_CONN_")
    }

    assert {name: each["conn_type"] for name, each in connections.items()} == {
        **{hook_of(vendor).default_conn_name.upper(): vendor for vendor in vendors()},
        "OBJECT_STORE": "aws",
    }
    assert environment["AIRFLOW_VAR_CONVEXPORT_ROOT"].startswith("s3://object_store@${S3_BUCKET:-")


def test_the_shop_of_the_connection_exists_in_the_simulator():
    assert example_lines()["APPLIED_LABS_SHOP_ID"] in SimulatorSettings().applied_labs_shops


@every_airflow_service
def test_all_workers_share_one_budget_apart_from_the_queue(name):
    environment = SERVICES[name]["environment"]
    broker, budget = (
        environment[variable]
        for variable in ("AIRFLOW__CELERY__BROKER_URL", "AIRFLOW__CONVEXPORT__BUDGET_STORAGE")
    )

    assert broker.removesuffix("/0") == budget.removesuffix("/1")
    assert broker.startswith("redis://:${REDIS_PASSWORD:?")


def test_every_pool_of_the_example_dags_is_made():
    pools = json.loads((REPOSITORY / "docker/airflow/pools.json").read_text())
    named = {
        match
        for path in (REPOSITORY / "dags_examples").glob("*.py")
        for match in re.findall(r'"pool": "(\w+)"', path.read_text())
    }

    assert {name: pool["slots"] for name, pool in pools.items()} == {
        f"convexport_{vendor}": hook_of(vendor).pool_slots for vendor in vendors()
    }
    assert named == pools.keys()


def test_what_the_image_copies_is_sent_to_the_build():
    sent = {line[1:] for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    copied = {
        word
        for line in (REPOSITORY / "docker/airflow/Dockerfile").read_text().splitlines()
        if line.startswith("COPY")
        for word in line.split()[1:-1]
        if not word.startswith("--")
    }

    assert {"docker/airflow" if word.startswith("docker/airflow/") else word for word in copied} == sent


def test_the_object_stores_image_starts_the_same_script_as_the_tests():
    context = REPOSITORY / SERVICES["object-store"]["build"]["context"]
    copied = re.search(
        r"^COPY (\S+) /usr/local/bin/(\S+)\n", (context / "Dockerfile").read_text(), re.MULTILINE
    )
    assert copied

    assert context / copied[1] == STORE_SCRIPT
    assert f'CMD ["{copied[2]}"]' in (context / "Dockerfile").read_text()


def test_stand_ins_are_never_pulled():
    stand_ins = yaml.safe_load((REPOSITORY / "docker/stand-ins/docker-compose.yaml").read_text())["services"]
    not_built = {name for name, service in SERVICES.items() if "build" not in service}

    assert stand_ins == {name: {"pull_policy": "never"} for name in not_built}
