"""The servers around Airflow: PostgreSQL, Redis, the S3 store and the vendors' simulator."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dev.cluster.processes import ClusterError, Service
from dev.cluster.settings import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dev.cluster.settings import Settings

STORE_SCRIPT = REPOSITORY / "docker" / "object-store" / "start.sh"
STORE_MEMORY = 4 * 1024**3
"""Maximum total size of the objects in bytes."""
BUCKET = "convexport"
ROLE = "airflow"
"""User of the database."""


def answers(port: int) -> bool:
    """Return whether a server listens on a port of this machine."""
    with socket.socket() as client:
        client.settimeout(2)
        return client.connect_ex(("127.0.0.1", port)) == 0


# --- PostgreSQL ----------------------------------------------------------------------------------------


def postgres(settings: Settings) -> Service:
    """Return Airflow's database server; call `make_database` before it is started."""
    folder = settings.root / "postgres"
    port = settings.ports["postgres"]
    options = ["-D", f"{folder}/data", "-p", str(port), "-k", "", "-c", "listen_addresses=127.0.0.1"]
    ready = [str(_postgres_program("pg_isready")), "-q", "-h", "127.0.0.1", "-p", str(port)]
    return Service(
        "postgres",
        (*as_postgres(), str(_postgres_program("postgres")), *options),
        settings.root / "run",
        lambda: subprocess.run(ready, check=False).returncode == 0,
        stop_signal=signal.SIGINT,  # PostgreSQL then terminates sessions instead of waiting for them
    )


def make_database(settings: Settings) -> None:
    """Create the database server's folder, with one superuser."""
    folder = settings.root / "postgres"
    if folder.exists():
        return
    # PostgreSQL refuses to run as root, and its own user may have no access to this repository's folder.
    home = Path(tempfile.mkdtemp(prefix="convexport-cluster-"))
    folder.symlink_to(home)
    password_file = home / "password"
    password_file.write_text(settings.password)
    if _is_root():
        shutil.chown(home, "postgres", "postgres")
        shutil.chown(password_file, "postgres", "postgres")
    initdb = [
        str(_postgres_program("initdb")),
        "-D",
        f"{home}/data",
        "-U",
        ROLE,
        "--pwfile",
        str(password_file),
    ]
    _run([*as_postgres(), *initdb, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"])


def remove_database(settings: Settings) -> None:
    """Delete the database server's folder."""
    folder = settings.root / "postgres"
    if folder.is_symlink():
        shutil.rmtree(folder.resolve(), ignore_errors=True)
        folder.unlink()


def _postgres_program(name: str) -> Path:
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = str(installed[-1]) if installed else shutil.which(name)
    if found is None:
        raise ClusterError(f"{name} of PostgreSQL is not installed; run 'make stack' as root.")
    return Path(found)


def as_postgres() -> tuple[str, ...]:
    """Return how a command begins that becomes PostgreSQL's own user, because PostgreSQL refuses root."""
    return ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--") if _is_root() else ()


def _is_root() -> bool:
    return os.geteuid() == 0


# --- Redis ---------------------------------------------------------------------------------------------


def redis(settings: Settings) -> Service:
    """Return Celery's broker, which also counts the requests; its data survives a restart."""
    folder = settings.root / "redis"
    folder.mkdir(exist_ok=True)
    port = settings.ports["redis"]
    options = [
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--dir",
        str(folder),
        "--save",
        "",
        "--appendonly",
        "yes",
    ]
    return Service("redis", ("redis-server", *options), settings.root / "run", lambda: _redis_is_ready(port))


def _redis_is_ready(port: int) -> bool:
    from redis import Redis
    from redis.exceptions import RedisError

    with Redis(port=port, socket_timeout=2) as client:
        try:
            return bool(client.ping())
        except RedisError:
            return False


# --- the object store ----------------------------------------------------------------------------------


def storage(settings: Settings) -> Service:
    """Return the store's monitor and storage daemon, which keeps the objects in memory."""
    port = settings.ports["monitor"]
    return Service(
        "storage",
        (str(STORE_SCRIPT), "storage"),
        settings.root / "run",
        lambda: answers(port) and (_store_folder(settings) / "made").exists(),
        environment=_store_environment(settings),
    )


def object_store(settings: Settings) -> Service:
    """Return the store's gateway, which serves S3; the objects survive its restarts."""
    port = settings.ports["object-store"]
    return Service(
        "object-store",
        (str(STORE_SCRIPT), "gateway"),
        settings.root / "run",
        lambda: answers(port),
        environment=_store_environment(settings),
        stop_timeout=5,
    )


def remove_object_store(settings: Settings) -> None:
    """Delete the store's configuration."""
    shutil.rmtree(_store_folder(settings), ignore_errors=True)


def make_bucket(settings: Settings) -> None:
    """Create the bucket; retry until the store accepts requests."""
    from botocore.exceptions import BotoCoreError, ClientError

    client = s3_client(settings)
    end = time.monotonic() + 30
    while True:
        try:
            client.create_bucket(Bucket=BUCKET)
        except (BotoCoreError, ClientError):
            if time.monotonic() > end:
                raise
            time.sleep(0.5)
        else:
            return


def s3_client(settings: Settings) -> Any:
    """Return a boto3 client for the store."""
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=settings.url("object-store"),
        aws_access_key_id=settings.s3_key,
        aws_secret_access_key=settings.s3_secret,
        region_name="us-east-1",
    )


def _store_folder(settings: Settings) -> Path:
    return settings.root / "object-store"


def _store_environment(settings: Settings) -> dict[str, str]:
    return {
        "STORE_FOLDER": str(_store_folder(settings)),
        "STORE_PORT": str(settings.ports["object-store"]),
        "STORE_MON_PORT": str(settings.ports["monitor"]),
        "STORE_ACCESS_KEY": settings.s3_key,
        "STORE_SECRET_KEY": settings.s3_secret,
        "STORE_MEMORY": str(STORE_MEMORY),
    }


# --- the simulator -------------------------------------------------------------------------------------


def simulator(settings: Settings, switches: Sequence[str] = ()) -> Service:
    """Return the simulator of all vendors.

    :param switches: Options of its command line.
    """
    port = settings.ports["simulator"]
    command = (sys.executable, "-m", "airflow_provider_convexport.simulator", "--port", str(port), *switches)
    command = (*_real_time_priority(), *command)
    return Service("simulator", command, settings.root / "run", lambda: answers(port))


def _real_time_priority() -> tuple[str, ...]:
    """Return a command prefix for real-time priority; empty if that is not permitted.

    The simulator's request log must contain the times at which requests arrived, not those at which the
    simulator got CPU time.
    """
    command = ("chrt", "--rr", "1")
    if shutil.which("chrt") is None:
        return ()
    tried = subprocess.run([*command, "true"], capture_output=True, check=False)
    return () if tried.returncode else command


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode:
        raise ClusterError(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
