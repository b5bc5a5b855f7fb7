"""Kills exports with SIGKILL at any moment and runs them again.

``CRASH_KILLS=1000 make test-crash`` kills a thousand times; the number of a test is its seed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import statistics
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_convexport.export.stage.tuning import Tuning
from airflow_provider_convexport.export.window import Window
from tests.crash.moments import Moment
from tests.crash.tries import (
    FORK,
    INTERVAL,
    KILLED,
    START,
    Try,
    assert_whole,
    read_until_ended,
    wake,
)
from tests.support.processes import SUPERSEDED, exit_code, wait_until_stopped
from tests.support.published import assert_tidy, partitions, truth
from tests.support.samples import DAY
from tests.support.streams import case_of

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")]

CASE = case_of("agentx", "messages")
SCENARIOS = 4
SEEDS = range(-(-int(os.environ.get("CRASH_KILLS", "200")) // SCENARIOS))
"""Seeds of each scenario; each has at least one kill."""


class Chance:
    """What is left to chance in one test, from its seed.

    :param seed: Number of the test. The moments of all seeds together are spread evenly, half of them over
        the whole export and half over what follows the plan.
    :param moments: Numbers of all moments and of those after the plan, of an undisturbed try.
    """

    def __init__(self, seed: int, moments: tuple[int, int]) -> None:
        self.random = random.Random(seed)
        self.moments = moments
        self._is_planned = seed % 2 == 1
        self._place = (seed // 2 + self.random.random()) / (len(SEEDS) // 2 + 1)

    def moment(self, number: int = signal.SIGKILL) -> Moment:
        """Return a moment; the first one is the seed's, further ones are anywhere."""
        is_planned, place = self._is_planned, self._place
        self._is_planned, self._place = self.random.random() < 0.5, self.random.random()
        return Moment(1 + int(place * self.moments[is_planned]), number, is_planned=is_planned)

    def arguments(self) -> dict[str, Any]:
        """Return arguments with which a task may be tried again."""
        return {
            "page_size": self.random.choice([7, 10, 13]),
            "target_file_bytes": self.random.choice([2_000, 20_000]),
            "skip_unchanged": self.random.random() < 0.5,
        }


@pytest.fixture(scope="module")
def counted() -> dict[str, tuple[int, int]]:
    """What `moments` has counted, once for all tests."""
    return {}


@pytest.fixture
def moments(simulator, counted, tmp_path) -> tuple[int, int]:
    """The numbers of moments of one undisturbed export: of all, and of those after its plan."""
    simulator.update(records=4_000)
    if "undisturbed" not in counted:
        counts = FORK.Array("i", 2)
        assert Try(tmp_path / "undisturbed", counts=counts).exit_code() == 0
        counted["undisturbed"] = (counts[0], counts[1])
    return counted["undisturbed"]


def kill(attempt: Try, moment: Moment) -> None:
    """Run a try that is killed, and look at what is published then.

    A try that has ended before its moment, because it resumed, is repeated with an earlier one.
    """
    while (code := replace(attempt, moment=moment).exit_code()) != KILLED:
        assert code == 0
        assert moment.number > 1
        moment = replace(moment, number=moment.number // 2)
    assert_whole(attempt.root)


def assert_published_once(simulator, root: Path, interval: Window = INTERVAL) -> None:
    assert partitions(root) == truth(simulator, CASE, interval.start, interval.end)
    assert_tidy(root)
    assert not (root / "_staging").exists()


@pytest.mark.parametrize("seed", SEEDS)
def test_an_export_that_is_killed_and_resumed_publishes_every_record_once(simulator, moments, tmp_path, seed):
    chance = Chance(seed, moments)
    attempt = Try(tmp_path / "killed")

    for _ in range(chance.random.choice([1, 1, 2, 3])):
        kill(attempt, chance.moment())

    assert attempt.exit_code() == 0
    assert_published_once(simulator, attempt.root)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_killed_try_between_two_that_are_alive_at_once_changes_nothing(simulator, moments, tmp_path, seed):
    chance = Chance(seed, moments)
    attempt = Try(tmp_path / "both")
    older = replace(attempt, moment=chance.moment(signal.SIGSTOP)).start()
    wait_until_stopped(older)
    chance = Chance(seed, moments)
    kill(attempt, chance.moment())

    newer = attempt.start()
    time.sleep(chance.random.random() * 0.2)
    wake(older)
    read_until_ended([older, newer], attempt.root)

    ends = (exit_code(older), exit_code(newer))
    assert ends in {(0, 0), (SUPERSEDED, 0), (0, SUPERSEDED)}
    assert_published_once(simulator, attempt.root)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_task_killed_while_another_one_publishes_the_same_partitions_changes_nothing(
    simulator, moments, tmp_path, seed
):
    chance = Chance(seed, moments)
    one = Try(tmp_path / "two")
    other = replace(one, interval=Window(START + DAY, START + 4 * DAY), run_id="manual__y", page_size=13)
    slow = replace(one, moment=chance.moment(signal.SIGSTOP)).start()
    wait_until_stopped(slow)
    chance = Chance(seed, moments)
    kill(other, chance.moment())

    again = other.start()
    time.sleep(chance.random.random() * 0.2)
    wake(slow)
    read_until_ended([slow, again], one.root)

    assert (exit_code(slow), exit_code(again)) == (0, 0)
    both = Window(START, START + 4 * DAY)
    assert partitions(one.root) == truth(simulator, CASE, both.start, both.end)
    # What a killed try had replaced of a run that goes on stays until the next run over these days.
    assert replace(other, run_id="manual__z").exit_code() == 0
    assert_published_once(simulator, one.root, both)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_killed_task_that_is_tried_again_with_other_arguments_publishes_every_record_once(
    simulator, moments, tmp_path, seed
):
    chance = Chance(seed, moments)
    attempt = Try(tmp_path / "changed")

    for _ in range(chance.random.choice([1, 1, 2, 3])):
        kill(replace(attempt, **chance.arguments()), chance.moment())

    assert replace(attempt, **chance.arguments()).exit_code() == 0
    assert_published_once(simulator, attempt.root)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.99])
def test_a_run_over_an_older_version_that_is_killed_leaves_one_whole_version_of_each_partition(
    simulator, moments, tmp_path, share
):
    attempt = Try(tmp_path / "killed")
    simulator.update(records=2_000)
    assert attempt.exit_code() == 0
    old = partitions(attempt.root)
    simulator.update(records=4_000)

    kill(attempt, Moment(int(moments[0] * share), signal.SIGKILL))

    new = truth(simulator, CASE, INTERVAL.start, INTERVAL.end)
    for name, lines in partitions(attempt.root).items():
        assert lines in (old[name], new[name])
    assert attempt.exit_code() == 0
    assert_published_once(simulator, attempt.root)


def test_at_most_five_seconds_of_pages_are_fetched_twice_after_a_kill(simulator, tmp_path):
    simulator.update(records=4_000, page_latency=0.2)
    redone = []
    for seed in range(5):
        attempt = Try(tmp_path / str(seed), tuning=Tuning())
        simulator.reset()
        process = attempt.start()
        time.sleep(5.0 + seed * 0.7)
        process.kill()
        process.join()
        before = {visit_key(visit) for visit in simulator.request_log.requests}
        simulator.reset()
        assert attempt.exit_code() == 0
        assert_published_once(simulator, attempt.root)
        again = sum(visit_key(visit) in before for visit in simulator.request_log.requests)
        redone.append(again * 0.2 / 2)
    print("seconds of pages fetched twice:", redone)
    assert statistics.median(redone) <= 5.0


def visit_key(visit: Any) -> str:
    return json.dumps(visit.public()["params"], sort_keys=True)
