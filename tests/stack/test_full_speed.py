"""Two workers that share one budget through Redis."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from dev.vendors import scope_folder
from tests.stack.published import objects, partitions, truth
from tests.stack.request_log import assert_never_exceeded, requests_of
from tests.support.samples import DAY

if TYPE_CHECKING:
    from dev.cluster.cluster import Cluster

pytestmark = pytest.mark.slow

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
MONTHS = {"worker-1": (TODAY - 80 * DAY, TODAY - 50 * DAY), "worker-2": (TODAY - 50 * DAY, TODAY - 20 * DAY)}


def test_two_workers_use_at_least_95_percent_of_agentxs_limit_and_never_more(stack: Cluster):
    stack.restart("simulator", switches=("--records", "30000", "--hostile"))
    stack.api.wait_for_dag("full_speed")

    conf = {worker: [moment.isoformat() for moment in month] for worker, month in MONTHS.items()}
    run_id = stack.api.trigger("full_speed", conf=conf)
    run = stack.api.wait_for_run("full_speed", run_id, timeout=240)

    assert run["state"] == "success"
    assert {task["hostname"] for task in stack.api.tasks("full_speed", run_id)} == set(MONTHS)
    expected = truth(
        stack, "agentx", "messages", TODAY - 80 * DAY, TODAY - 20 * DAY, folder=scope_folder("agentx")
    )
    assert partitions(objects(stack, "full_speed/")) == expected
    requests = requests_of(stack)
    assert len(requests) >= 200
    assert all(request["status"] == 200 for request in requests)
    assert_never_exceeded(stack)
    rate = len(requests) / (requests[-1]["monotonic"] - requests[0]["monotonic"])
    print(f"{len(requests)} requests, {rate:.3f} a second")
    assert rate >= 0.95 * 3
