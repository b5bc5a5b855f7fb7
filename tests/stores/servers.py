"""Starts the object stores that the tests publish to, each on a free port of this machine."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.ports import free_port
from tests.support.requirements import require

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

REPOSITORY = Path(__file__).resolve().parents[2]
AZURITE = REPOSITORY / ".azurite" / "node_modules" / ".bin" / "azurite-blob"
START_SECONDS = 60

S3_KEYS = ("TESTACCESSKEY", "testsecretkey")


@contextlib.contextmanager
def rados_gateway() -> Iterator[str]:
    """Run Ceph's RADOS Gateway with its objects in memory; ``make test-stores`` installs it on Debian."""
    require(shutil.which("radosgw"), "radosgw is not installed; run make test-stores as root.")
    script = str(REPOSITORY / "docker" / "object-store" / "start.sh")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="rgw-", ignore_cleanup_errors=True) as folder:
        environment = {
            "STORE_FOLDER": f"{folder}/store",
            "STORE_PORT": str(port),
            "STORE_MON_PORT": str(free_port()),
            "STORE_ACCESS_KEY": S3_KEYS[0],
            "STORE_SECRET_KEY": S3_KEYS[1],
            "STORE_MEMORY": str(4 * 1024**3),
        }
        with _running([script], port, environment):
            yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def azurite() -> Iterator[str]:
    """Run Azurite, Microsoft's emulator of Azure Storage; ``dev/install_azurite.sh`` installs it."""
    require(
        shutil.which("node") and AZURITE.exists(), "Azurite is not installed; run dev/install_azurite.sh."
    )
    port = free_port()
    command = [
        str(AZURITE), "--silent", "--disableTelemetry", "--inMemoryPersistence", "--blobPort", str(port),
        "--skipApiVersionCheck",
    ]  # fmt: skip
    with _running(command, port, {}):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def gcs_emulator() -> Iterator[str]:
    """Run gcp-storage-emulator, which comes with the dependency group ``stores``."""
    require(
        importlib.util.find_spec("gcp_storage_emulator"),
        "gcp-storage-emulator is not installed; run make test-stores.",
    )
    port = free_port()
    command = [
        sys.executable, "-m", "tests.stores.gcs_server",
        "start", "--host", "127.0.0.1", "--port", str(port), "--in-memory",
    ]  # fmt: skip
    with _running(command, port, {}):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def _running(command: Sequence[str], port: int, environment: Mapping[str, str]) -> Iterator[None]:
    """Run a server and its children until the block ends; it must answer HTTP within `START_SECONDS`."""
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(
            command, stdout=log, stderr=log, env=os.environ | dict(environment), start_new_session=True
        ) as process,
    ):
        try:
            _wait_for_answer(process, port)
            yield
        except TimeoutError:
            log.seek(0)
            raise RuntimeError(log.read().decode(errors="replace")[-2000:]) from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _wait_for_answer(process: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(START_SECONDS * 10):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
            break
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
        except urllib.error.HTTPError:
            return  # a refusal is an answer
        except OSError:
            continue
        return
    raise TimeoutError(f"{process.args} does not answer on port {port}.")
