"""One stack for all tests here, by the same code as `make stack`, apart from one that a developer runs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dev.cluster.celery_backend import CeleryBackend
from dev.cluster.cluster import EXAMPLES, Cluster
from dev.cluster.settings import REPOSITORY
from tests.support.postgres import programs
from tests.support.requirements import require

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = REPOSITORY / ".stack-test"
DAGS = Path(__file__).parent / "dags"


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The running stack, with the Dags of this folder and the examples; logs are kept if a test fails.

    With ``STACK_KEEP=1`` it is left running, and one that was left is taken.
    """
    missing = [name for name in ("radosgw", "redis-server") if shutil.which(name) is None]
    missing += ["postgresql"] if programs() is None else []
    require(not missing, f"{missing} are not installed; run make packages as root.")
    keep = bool(os.environ.get("STACK_KEEP"))
    if not keep:
        if (ROOT / "settings.json").exists():
            Cluster.at(ROOT, CeleryBackend()).down()  # a run that was interrupted left it
        shutil.rmtree(ROOT, ignore_errors=True)
    cluster = Cluster.at(ROOT, CeleryBackend(), dags=(EXAMPLES, DAGS))
    try:
        cluster.up()
        yield cluster
    finally:
        if not keep:
            cluster.down(keep_logs=bool(request.session.testsfailed), kill=True)
