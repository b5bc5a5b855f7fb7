"""Kills exports with SIGKILL at any moment and runs them again."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import random
import signal
import statistics
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from fsspec.implementations.local import LocalFileSystem

from airflow_provider_convexport.errors import SupersededError
from airflow_provider_convexport.export.dataset.store import Store
from airflow_provider_convexport.export.fetch.client import Client
from airflow_provider_convexport.export.job import Job, TaskTry
from airflow_provider_convexport.export.run import Export
from airflow_provider_convexport.export.stage.tuning import Tuning
from airflow_provider_convexport.export.window import Window
from airflow_provider_convexport.hooks.agentx import AgentXHook
from tests.support.published import assert_tidy, partitions, truth
from tests.support.samples import DAY
from tests.support.streams import MIDNIGHT, case_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")]

FORK = multiprocessing.get_context("fork")
START = MIDNIGHT - 20 * DAY
INTERVAL = Window(START, START + 3 * DAY)
CASE = case_of("agentx", "messages")
TASK = TaskTry(dag_id="dag", task_id="export", run_id="scheduled__x")
QUICK_STAGING = Tuning(flush_seconds=0.02)
"""Stages every page or two instead of every four seconds."""
SUPERSEDED = 3
"""Exit code of an attempt that noticed a newer one."""


class Moments:
    """Counts the moments of an export at which it may be killed, and kills it at one of them."""

    def __init__(self, die_at: int | None) -> None:
        self.count = 0
        self.die_at = die_at

    def pass_by(self) -> None:
        self.count += 1
        if self.count == self.die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner: type, name: str) -> None:
        original = getattr(owner, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.pass_by()
            result = original(*args, **kwargs)
            self.pass_by()
            return result

        setattr(owner, name, counted)


def export(
    root: Path,
    die_at: int | None = None,
    count: Any = None,
    before: Callable[[], None] | None = None,
    tuning: Tuning = QUICK_STAGING,
) -> None:
    """Run one attempt; meant for a process of its own."""
    moments = Moments(die_at)
    for owner, name in (
        (Store, "put"), (Store, "put_file"), (Store, "get"), (Store, "get_range"), (Store, "delete"),
        (Store, "find"), (Client, "fetch"), (os, "fsync"), (os, "remove"),
    ):  # fmt: skip
        moments.around(owner, name)
    if before is not None:
        before()
    hook = AgentXHook()
    job = Job(query=hook.query(stream="messages", page_size=10), interval=INTERVAL, task=TASK, concurrency=2)
    store = Store(LocalFileSystem(), str(root), f"file://{root}")
    try:
        Export(job, hook.client, store, tuning=tuning).run()
    except SupersededError:
        os._exit(SUPERSEDED)
    finally:
        if count is not None:
            count.value = moments.count
    os._exit(0)


def attempt(root: Path, **kwargs: Any) -> int:
    process = FORK.Process(target=partial(export, root, **kwargs))
    process.start()
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode


@pytest.fixture
def moments(simulator, tmp_path) -> int:
    """The number of moments of one undisturbed export."""
    simulator.update(records=4_000)
    count = FORK.Value("i", 0)
    assert attempt(tmp_path / "undisturbed", count=count) == 0
    return count.value


def assert_published_once(simulator, root: Path) -> None:
    assert partitions(root) == truth(simulator, CASE, INTERVAL.start, INTERVAL.end)
    assert_tidy(root)
    assert not (root / "_staging").exists()


@pytest.mark.parametrize("seed", range(25))
def test_an_export_killed_at_a_random_moment_and_retried_publishes_every_record_once(
    simulator, moments, tmp_path, seed
):
    root = tmp_path / "killed"
    chance = random.Random(seed)
    killed = attempt(root, die_at=chance.randint(1, moments))
    if chance.random() < 0.3 and killed == -signal.SIGKILL:
        killed = attempt(root, die_at=chance.randint(1, moments))

    assert killed in (0, -signal.SIGKILL)
    assert attempt(root) == 0
    assert_published_once(simulator, root)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.99])
def test_a_run_over_an_older_version_that_is_killed_leaves_one_whole_version_of_each_partition(
    simulator, moments, tmp_path, share
):
    root = tmp_path / "killed"
    simulator.update(records=2_000)
    assert attempt(root) == 0
    old = partitions(root)
    simulator.update(records=4_000)

    assert attempt(root, die_at=int(moments * share)) == -signal.SIGKILL

    new = truth(simulator, CASE, INTERVAL.start, INTERVAL.end)
    for name, lines in partitions(root).items():
        assert lines in (old[name], new[name])
    assert attempt(root) == 0
    assert_published_once(simulator, root)


@pytest.mark.parametrize("seed", range(25))
def test_two_attempts_alive_at_once_publish_every_record_once(simulator, moments, tmp_path, seed):
    root = tmp_path / "both"
    chance = random.Random(seed)
    stop_at = chance.randint(1, moments)
    zombie = FORK.Process(target=partial(stopped_export, root, stop_at))
    zombie.start()
    wait_until_stopped(zombie.pid)

    retry = FORK.Process(target=partial(export, root))
    retry.start()
    time.sleep(chance.random() * 0.5)
    with contextlib.suppress(ProcessLookupError):
        os.kill(zombie.pid, signal.SIGCONT)
    zombie.join(60)
    retry.join(60)

    assert (zombie.exitcode, retry.exitcode) in {(0, 0), (SUPERSEDED, 0), (0, SUPERSEDED)}
    assert_published_once(simulator, root)


def stopped_export(root: Path, stop_at: int) -> None:
    """Run an attempt that stands still at a moment, as a worker does that lost its network."""
    original = Moments.pass_by

    def pass_by(self: Moments) -> None:
        original(self)
        if self.count == stop_at:
            os.kill(os.getpid(), signal.SIGSTOP)

    Moments.pass_by = pass_by
    export(root)


def wait_until_stopped(pid: int) -> None:
    for _ in range(3000):
        try:
            with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
                if file.read().rsplit(")", 1)[1].split()[0] in "TZ":
                    return
        except FileNotFoundError:
            return
        time.sleep(0.01)


def test_at_most_five_seconds_of_pages_are_fetched_twice_after_a_kill(simulator, tmp_path):
    simulator.update(records=4_000, page_latency=0.2)
    redone = []
    for seed in range(5):
        root = tmp_path / str(seed)
        process = FORK.Process(target=partial(export, root, tuning=Tuning()))
        simulator.reset()
        process.start()
        time.sleep(5.0 + seed * 0.7)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        before = {visit_key(visit) for visit in simulator.request_log.requests}
        simulator.reset()
        assert attempt(root, tuning=Tuning()) == 0
        assert_published_once(simulator, root)
        again = sum(visit_key(visit) in before for visit in simulator.request_log.requests)
        redone.append(again * 0.2 / 2)
    print("seconds of pages fetched twice:", redone)
    assert statistics.median(redone) <= 5.0


def visit_key(visit: Any) -> str:
    return json.dumps(visit.public()["params"], sort_keys=True)
