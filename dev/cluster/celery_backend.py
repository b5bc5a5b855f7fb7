"""A cluster as in production: two Celery workers, PostgreSQL, Redis and an S3 store."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from dev.cluster import servers
from dev.cluster.airflow import connection
from dev.cluster.processes import Service
from dev.cluster.settings import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dev.cluster.settings import Settings

WORKERS = ("worker-1", "worker-2")


class CeleryBackend:
    """Servers from Debian's packages, and Celery workers with queues in Redis."""

    name = "celery"
    ports = ("postgres", "redis", "object-store", "monitor", *WORKERS)
    database = "postgres"
    restart = True

    def exports(self, settings: Settings) -> str:
        """Return the URL of a prefix in the store's bucket."""
        del settings
        return f"s3://aws_default@{servers.BUCKET}/raw"

    def environment(self, settings: Settings) -> dict[str, str]:
        """Return the variables that connect Airflow to PostgreSQL, Redis and the store."""
        database = f"{servers.ROLE}:{settings.password}@127.0.0.1:{settings.ports['postgres']}/postgres"
        return {
            "PYTHONPATH": str(REPOSITORY),
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": "dev.cluster.hostname.hostname",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{database}",
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+postgresql+psycopg2://{database}",
            "AIRFLOW__CELERY__BROKER_URL": f"{settings.url('redis', scheme='redis')}/0",
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": "4",
            # The loss of a task's worker is detected after half a minute instead of five minutes.
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
            # A task whose worker was lost before the task started is queued again.
            "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "60",
            "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "10",
            # After this time Celery redelivers a lost worker's tasks, but also tasks that merely run longer.
            "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "86400",
            # Requests of both workers are counted together, in another database than Celery's queues.
            "AIRFLOW__CONVEXPORT__BUDGET_STORAGE": f"{settings.url('redis', scheme='redis')}/1",
            "AIRFLOW_CONN_AWS_DEFAULT": connection(
                "aws",
                login=settings.s3_key,
                password=settings.s3_secret,
                extra={"endpoint_url": settings.url("object-store"), "region_name": "us-east-1"},
            ),
        }

    def servers(self, settings: Settings) -> list[Service]:
        """Return PostgreSQL, Redis and the two services of the object store."""
        return [
            servers.postgres(settings),
            servers.redis(settings),
            servers.storage(settings),
            servers.object_store(settings),
        ]

    def workers(self, settings: Settings, variables: Mapping[str, str]) -> list[Service]:
        """Return two workers; each consumes the default queue and a queue of its own name."""
        return [_worker(settings, variables, name) for name in WORKERS]

    def prepare(self, settings: Settings) -> None:
        """Create the database server's folder."""
        servers.make_database(settings)

    def prepare_servers(self, settings: Settings) -> None:
        """Create the bucket."""
        servers.make_bucket(settings)

    def remove(self, settings: Settings) -> None:
        """Delete the database and the store's files."""
        servers.remove_database(settings)
        servers.remove_object_store(settings)

    def describe(self, settings: Settings) -> list[str]:
        """Return addresses and keys of the object store."""
        return [
            f"exports       {self.exports(settings)}   (bucket {servers.BUCKET}, connection aws_default)",
            f"object store  {settings.url('object-store')}   "
            f"access key {settings.s3_key}, secret {settings.s3_secret}",
        ]


def _worker(settings: Settings, variables: Mapping[str, str], name: str) -> Service:
    node = f"{name}@cluster"
    broker = variables["AIRFLOW__CELERY__BROKER_URL"]
    return Service(
        name,
        (sys.executable, "-m", "airflow", "celery", "worker", "-H", node, "-q", f"default,{name}"),
        settings.root / "run",
        lambda: _worker_answers(broker, node),
        environment={
            **variables,
            "CLUSTER_HOSTNAME": name,
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(settings.ports[name]),
        },
        restart=True,
        stop_timeout=10,
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
