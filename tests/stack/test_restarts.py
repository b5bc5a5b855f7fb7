"""Any service may be stopped and started again; nobody has to repair anything."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.stack.published import objects, partitions, records

if TYPE_CHECKING:
    from dev.cluster.cluster import Cluster

pytestmark = pytest.mark.slow

SERVICES = [
    "simulator", "object-store", "redis", "postgres", "triggerer", "dag-processor", "scheduler", "api-server",
    "worker-2",
]  # fmt: skip


@pytest.mark.parametrize("name", SERVICES)
def test_a_run_succeeds_after_a_service_was_stopped_and_started_again(stack: Cluster, name):
    stack.services[name].stop()
    time.sleep(2)
    stack.services[name].start()
    stack.services[name].wait()

    begun = time.monotonic()
    # The triggerer waits a moment for an interval that settles three hours after its end.
    lead = timedelta(seconds=8 if name == "triggerer" else 0)
    end = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3) + lead
    start = end - timedelta(hours=6)
    run_id = stack.api.trigger("smoke", conf={"interval": [start.isoformat(), end.isoformat()]})
    run = stack.api.wait_for_run("smoke", run_id, timeout=120)

    print(f"the run after it took {time.monotonic() - begun:.1f} s")
    assert run["state"] == "success"
    published = partitions(objects(stack, f"smoke/interval_start={start:%Y%m%dT%H%M%SZ}"))
    assert list(published.values()) == [sorted(records(stack, "ada", "conversations", start, end))]
