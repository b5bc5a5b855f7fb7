"""Attempts that are killed, stopped or doubled, and uploads that break off, on every store."""

from __future__ import annotations

import os
import signal

import pytest

from airflow_provider_convexport.destination import store_at
from tests.stores.attempts import PROCESSES, Attempt, Moment, put_file
from tests.stores.buckets import S3, Gcs, assert_tidy, partitions
from tests.stores.proxy import proxy
from tests.support.connections import connections_here
from tests.support.processes import SECONDS, SUPERSEDED, exit_code, wait_until_stopped
from tests.support.published import truth
from tests.support.samples import DAY
from tests.support.streams import MIDNIGHT, case_of

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

INTERVAL = (MIDNIGHT - 20 * DAY, MIDNIGHT - 18 * DAY)
CASE = case_of("agentx", "messages")
WRITES = ["checkpoint-", "plan-", "part-", "_manifest.json"]
BIG = 120 << 20
"""Bytes of a file that s3fs uploads in parts (from 100 MiB), adlfs in blocks, gcsfs in a resumable upload."""


@pytest.mark.parametrize("write", WRITES)
def test_an_attempt_that_is_killed_before_a_write_is_completed_by_the_next(simulator, bucket, root, write):
    attempt = Attempt(bucket.url(root), INTERVAL, connections_here(), Moment(write, signal.SIGKILL))

    assert exit_code(attempt.start()) == -signal.SIGKILL
    assert not any(name.endswith("_manifest.json") for name in bucket.sizes(root))

    assert exit_code(Attempt(bucket.url(root), INTERVAL, connections_here()).start()) == 0
    assert partitions(bucket, root) == truth(simulator, CASE, *INTERVAL)
    assert_tidy(bucket, root)


@pytest.mark.parametrize("write", ["lease", *WRITES])
def test_a_stopped_attempt_and_its_retry_publish_one_version(simulator, bucket, root, write):
    zombie = Attempt(bucket.url(root), INTERVAL, connections_here(), Moment(write, signal.SIGSTOP)).start()
    wait_until_stopped(zombie)
    retry = Attempt(bucket.url(root), INTERVAL, connections_here()).start()
    if write != "lease":
        assert exit_code(retry) == 0
    stop = [zombie.pid]
    while zombie.is_alive():  # it stops again at each write of that name
        for pid in stop:
            os.kill(pid, signal.SIGCONT)
        zombie.join(0.05)

    assert {exit_code(zombie), exit_code(retry)} <= {0, SUPERSEDED}
    assert 0 in {zombie.exitcode, retry.exitcode}
    assert partitions(bucket, root) == truth(simulator, CASE, *INTERVAL)
    assert_tidy(bucket, root)


def test_two_attempts_that_begin_together_publish_one_version(simulator, bucket, root):
    attempts = [Attempt(bucket.url(root), INTERVAL, connections_here()).start() for _ in range(2)]

    codes = sorted(exit_code(attempt) for attempt in attempts)
    assert codes in ([0, 0], [0, SUPERSEDED])
    assert partitions(bucket, root) == truth(simulator, CASE, *INTERVAL)
    assert_tidy(bucket, root)


def test_an_upload_that_is_killed_half_way_leaves_no_file_and_the_repeat_cleans_up(simulator, remote, root):
    if isinstance(remote, Gcs):
        pytest.skip("The emulator keeps what arrived of a single request that broke off.")
    with proxy(remote.endpoint, marker=b"part-") as between:
        variables = connections_here() | remote.connections(between.url)
        process = Attempt(remote.url(root), INTERVAL, variables).start()
        assert between.stopped.wait(SECONDS)
        process.kill()
        assert exit_code(process) == -signal.SIGKILL
    assert not any("part-" in name for name in remote.sizes(root))
    assert any(name.startswith("_staging/") for name in remote.sizes(root))

    assert exit_code(Attempt(remote.url(root), INTERVAL, connections_here()).start()) == 0
    assert partitions(remote, root) == truth(simulator, CASE, *INTERVAL)
    assert_tidy(remote, root)


def test_a_big_file_appears_whole_or_not_at_all(remote, root, tmp_path):
    source = tmp_path / "big"
    source.write_bytes(os.urandom(BIG))
    with proxy(remote.endpoint, after=BIG * 2 // 3) as between:
        variables = connections_here() | remote.connections(between.url)
        process = PROCESSES.Process(
            target=put_file, args=(variables, remote.url(root), "part-0", str(source))
        )
        process.start()
        assert between.stopped.wait(SECONDS)
        if not isinstance(remote, Gcs):  # the emulator serves one connection at a time
            assert remote.sizes(root) == {}
        process.kill()
        assert exit_code(process) == -signal.SIGKILL
    assert remote.sizes(root) == {}
    if isinstance(remote, S3):
        assert remote.pending_uploads() == 1  # which a lifecycle rule has to remove
    content = source.read_bytes()

    store_at(remote.url(root)).put_file("part-0", source)

    assert remote.sizes(root) == {"part-0": BIG}
    assert remote.read(root, "part-0") == content
