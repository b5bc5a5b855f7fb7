"""Airflow's own processes, and the environment that makes one Airflow of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.simulator.settings import SimulatorSettings
from dev.stack.api import Api
from dev.stack.processes import Service, StackError
from dev.stack.servers import ROLE
from dev.stack.settings import REPOSITORY, USER, WORKERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dev.stack.settings import Settings

POOLS = {"convexport_ada": 2, "convexport_agentx": 2, "convexport_applied_labs": 1}


def environment(settings: Settings, *, dags: Sequence[Path]) -> dict[str, str]:
    """Return the variables that all components share.

    :param dags: Folders of Dags.
    """
    home = settings.root / "airflow"
    database = f"{ROLE}:{settings.password}@127.0.0.1:{settings.ports['postgres']}/postgres"
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__FERNET_KEY": settings.fernet_key,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{settings.url('api-server')}/execution/",
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "dev.stack.hostname.hostname",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([_bundle(folder) for folder in dags]),
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(settings.ports["api-server"]),
        "AIRFLOW__API__BASE_URL": settings.url("api-server"),
        "AIRFLOW__API__SECRET_KEY": settings.key,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": settings.key,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{database}",
        "AIRFLOW__CELERY__RESULT_BACKEND": f"db+postgresql+psycopg2://{database}",
        "AIRFLOW__CELERY__BROKER_URL": f"{settings.url('redis', scheme='redis')}/0",
        "AIRFLOW__CELERY__WORKER_CONCURRENCY": "4",
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(settings.ports["triggerer"]),
        # A task whose worker was lost is noticed after half a minute instead of five.
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
        # One that a worker took and lost before it began to run is queued again.
        "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "60",
        "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "10",
        # After this long Celery gives a lost worker's tasks back, and those that merely take longer, too.
        "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "86400",
        # Requests are counted in Redis, for both workers together, apart from Celery's queues.
        "AIRFLOW__CONVEXPORT__BUDGET_STORAGE": f"{settings.url('redis', scheme='redis')}/1",
        "AIRFLOW_VAR_CONVEXPORT_ROOT": settings.exports,
        **connections(settings),
        # Compiled once, not by each of the processes.
        "PYTHONDONTWRITEBYTECODE": "",
    }


def connections(settings: Settings) -> dict[str, str]:
    """Return the connections to the simulator's vendors and to the object store."""
    vendors = SimulatorSettings()
    url = settings.url("simulator")
    shop = {"shop_id": vendors.applied_labs_shops[0]}
    bot = {"bot_name": vendors.agentx_bots[0]}
    store = {"endpoint_url": settings.url("object-store"), "region_name": "us-east-1"}
    return {
        "AIRFLOW_CONN_APPLIED_LABS_DEFAULT": _connection(
            "applied_labs", host=url, password=vendors.applied_labs_key, extra=shop
        ),
        "AIRFLOW_CONN_ADA_DEFAULT": _connection("ada", host=url, password=vendors.ada_key),
        "AIRFLOW_CONN_AGENTX_DEFAULT": _connection(
            "agentx", host=url, password=vendors.agentx_key, extra=bot
        ),
        "AIRFLOW_CONN_AWS_DEFAULT": _connection(
            "aws", login=settings.s3_key, password=settings.s3_secret, extra=store
        ),
    }


def _connection(conn_type: str, **fields: Any) -> str:
    return json.dumps({"conn_type": conn_type, **fields})


def _bundle(folder: Path) -> dict[str, Any]:
    return {
        "name": folder.relative_to(REPOSITORY).as_posix().replace("/", "_"),
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(folder), "refresh_interval": 30},
    }


def components(settings: Settings, variables: Mapping[str, str]) -> list[Service]:
    """Return Airflow's processes; each is started again when it ends by itself.

    :param variables: What `environment` returns.
    """
    api = Api.of(settings)

    def component(name: str, job: str, *arguments: str, **more: str) -> Service:
        return Service(
            name,
            (sys.executable, "-m", "airflow", *arguments),
            settings.root / "run",
            lambda: api.is_healthy(job),
            environment={**variables, **more},
            kept=True,
        )

    return [
        component("api-server", "metadatabase", "api-server"),
        component("scheduler", "scheduler", "scheduler"),
        component("dag-processor", "dag_processor", "dag-processor"),
        component("triggerer", "triggerer", "triggerer"),
        *(_worker(settings, variables, name) for name in WORKERS),
    ]


def _worker(settings: Settings, variables: Mapping[str, str], name: str) -> Service:
    """Return a worker that takes from the common queue and from one of its own name."""
    node = f"{name}@stack"
    broker = variables["AIRFLOW__CELERY__BROKER_URL"]
    return Service(
        name,
        (sys.executable, "-m", "airflow", "celery", "worker", "-H", node, "-q", f"default,{name}"),
        settings.root / "run",
        lambda: _worker_answers(broker, node),
        environment={
            **variables,
            "STACK_HOSTNAME": name,
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(settings.ports[name]),
        },
        kept=True,
        patience=10,
    )


def _worker_answers(broker: str, node: str) -> bool:
    from celery import Celery
    from kombu.exceptions import OperationalError
    from redis.exceptions import RedisError

    with Celery(broker=broker) as app:
        try:
            return bool(app.control.ping(destination=[node], timeout=1))
        except (OperationalError, RedisError):
            return False


def prepare(settings: Settings, variables: Mapping[str, str]) -> None:
    """Make Airflow's tables, user and pools."""
    home = settings.root / "airflow"
    home.mkdir(exist_ok=True)
    passwords = home / "passwords.json"
    passwords.touch(mode=0o600)
    passwords.write_text(json.dumps({USER: settings.password}))
    _airflow(variables, settings, "db", "migrate")


def make_pools(settings: Settings) -> None:
    """Make one pool for each vendor."""
    api = Api.of(settings)
    for name, slots in POOLS.items():
        api.make_pool(name, slots=slots)


def _airflow(variables: Mapping[str, str], settings: Settings, *arguments: str) -> None:
    log = settings.root / "run" / "prepare.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("ab") as output:
        command = [sys.executable, "-m", "airflow", *arguments]
        done = subprocess.run(
            command, env={**os.environ, **variables}, stdout=output, stderr=output, check=False
        )
    if done.returncode:
        raise StackError(f"airflow {' '.join(arguments)} ended with {done.returncode}; see {log}.")
