"""Of several versions of a partition the one wins whose records were requested later, on every store."""

from __future__ import annotations

import json
import os
import random
from typing import TYPE_CHECKING

import pytest

from tests.stores.buckets import Gcs, assert_tidy, partitions
from tests.stores.racers import Racer, Version
from tests.support.connections import connections_here
from tests.support.processes import wait_until_stopped
from tests.support.runs import DAY_1, DAY_2

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

ROUNDS = int(os.environ.get("CONVEXPORT_RACES", "10"))


@pytest.fixture(scope="module")
def seed() -> int:
    return random.randrange(2**32)


@pytest.fixture
def racers(bucket) -> Iterator[list[Racer]]:
    if isinstance(bucket, Gcs):
        pytest.skip("The emulator ignores conditions of writes.")
    with Racer(connections_here()) as one, Racer(connections_here()) as other:
        yield [one, other]


def published(bucket, root):
    """Return the names of the records of each day."""
    return {
        folder: [json.loads(line)["id"] for line in lines]
        for folder, lines in partitions(bucket, root).items()
    }


def test_two_runs_at_one_partition_end_with_the_version_that_was_requested_later(bucket, root, racers, seed):
    chance = random.Random(seed)
    for number in range(ROUNDS):
        where = f"{root}/{number}"
        moments = chance.sample(range(1000), 2)
        versions = [Version(f"v{moment}", moment, f"run {moment}") for moment in moments]
        for racer, version in zip(racers, versions, strict=True):
            racer.start(bucket.url(where), version)
        assert [racer.result() for racer in racers] == ["published", "published"]

        newest = max(versions, key=lambda version: version.requested_at)
        assert published(bucket, where) == {DAY_1: newest.ids, DAY_2: newest.ids}, f"{seed=} {number=}"
        assert_tidy(bucket, where)


def test_a_writer_that_freezes_before_its_write_never_replaces_a_newer_version(bucket, root, racers, seed):
    """The other one is another run, or a newer try of the same task with other arguments."""
    chance = random.Random(seed)
    frozen, lively = racers
    for number in range(ROUNDS):
        where = f"{root}/{number}"
        before, after = sorted(chance.sample(range(1000), 2))
        older = Version("older", before, "a", freezes=True)
        newer = chance.choice([
            Version("newer", after, "b"),
            Version("newer", after, "a", order=2, changes={"target_file_bytes": 10**6}),
        ])  # fmt: skip
        frozen.start(bucket.url(where), older)
        wait_until_stopped(frozen.process)
        lively.start(bucket.url(where), newer)
        assert lively.result() == "published"
        assert published(bucket, where) == {DAY_1: newer.ids, DAY_2: newer.ids}

        frozen.wake()
        assert frozen.result() == ("published" if newer.run_id == "b" else "superseded")
        assert published(bucket, where) == {DAY_1: newer.ids, DAY_2: newer.ids}, f"{seed=} {number=}"
        assert_tidy(bucket, where)


def test_a_writer_that_freezes_publishes_the_newer_version_when_it_wakes_up(bucket, root, racers):
    frozen, lively = racers
    newer = Version("newer", 2, "a", freezes=True)
    frozen.start(bucket.url(root), newer)
    wait_until_stopped(frozen.process)
    lively.start(bucket.url(root), Version("older", 1, "b"))
    assert lively.result() == "published"

    frozen.wake()
    assert frozen.result() == "published"
    assert published(bucket, root) == {DAY_1: newer.ids, DAY_2: newer.ids}
    assert_tidy(bucket, root)
