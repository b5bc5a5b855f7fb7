"""A task that is told to end while an upload hangs: it ends within seconds, and the next try goes on."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.stores.attempts import Attempt, MannerlyAttempt
from tests.stores.buckets import S3, assert_tidy, partitions
from tests.stores.proxy import proxy
from tests.support.connections import connections_here
from tests.support.processes import SECONDS, exit_code
from tests.support.published import truth
from tests.support.samples import DAY
from tests.support.streams import MIDNIGHT, case_of

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

INTERVAL = (MIDNIGHT - 20 * DAY, MIDNIGHT - 18 * DAY)
CASE = case_of("agentx", "messages")
LONGEST = 10.0
"""Seconds; it takes about four, most of them for a last checkpoint that the store does not take."""


def requests_to(simulator):
    return {(each.path, *each.params) for each in simulator.request_log.requests}


@pytest.mark.parametrize(
    ("write", "number", "how"),
    [
        ("checkpoint", 2, signal.SIGTERM),
        ("segments-", 5, signal.SIGALRM),  # the timeout of a task
        ("part-", 1, signal.SIGTERM),
        ("_manifest.json", 1, signal.SIGALRM),
    ],
    ids=str,
)
def test_it_ends_within_seconds_while_an_upload_hangs_and_the_next_try_goes_on(
    simulator, remote, root, write, number, how
):
    if not isinstance(remote, S3):
        pytest.skip("S3 alone, to save minutes: the uploads of all stores run in the one loop of fsspec.")
    simulator.update(records=4_000)  # several uploads more than are waited for, whatever the date is
    with proxy(remote.endpoint, marker=write.encode(), number=number) as between:
        variables = connections_here() | remote.connections(between.url)
        process = MannerlyAttempt(remote.url(root), INTERVAL, variables).start()
        assert between.stopped.wait(SECONDS)
        time.sleep(0.3)
        told_at = time.monotonic()
        os.kill(process.pid, how)
        code = exit_code(process)
        seconds = time.monotonic() - told_at
    first = requests_to(simulator)
    simulator.reset()

    assert exit_code(Attempt(remote.url(root), INTERVAL, connections_here()).start()) == 0

    assert code == 1, "neither killed nor successful"
    assert seconds < LONGEST
    assert first - requests_to(simulator), "no checkpoint was used"
    assert partitions(remote, root) == truth(simulator, CASE, *INTERVAL)
    assert_tidy(remote, root)
