"""The store in memory behaves as real stores do, but for the places to switch."""

from __future__ import annotations

import random

import pytest

from tests.model.laws import NOTHING_LEFT, WHOLE, Laws
from tests.model.memory import Bucket, Versioned, model_store
from tests.model.schedule import Actor, Scheduler, Style, Violation
from tests.model.vendor import Vendor


@pytest.fixture
def scheduler():
    chance = random.Random(1)
    style = Style("priorities", frozenset(), 1.0, frozenset(), kills=0.0, freezes=0.0)
    return Scheduler(chance, style)


@pytest.fixture
def bucket(scheduler):
    laws = Laws(Vendor([[]] * 5, frozenset(), 1.0), scheduler)
    laws.bucket = Bucket(scheduler, laws)
    return laws.bucket


def run(scheduler, *bodies):
    """Run actors; an earlier one goes first until it is interrupted."""
    for number, body in enumerate(bodies):
        scheduler.add(Actor(f"A{number}", "A", number, body))
        scheduler.actors[-1].priority = -number / 100
    scheduler.run(disturbed=True)


def interrupted_at(scheduler, *points):
    scheduler.style.points = frozenset(points)


def test_an_object_can_be_read_listed_and_deleted(scheduler, bucket):
    found = []

    def body():
        store = model_store(bucket)
        store.put("a/b", b"123")
        found.extend([store.get("a/b"), store.get_range("a/b", 1, 3), store.get("a/c"), store.find("a")])
        store.delete(["a/b", "a/c"])
        found.append(store.find("a"))

    run(scheduler, body)

    assert found == [b"123", b"23", None, ["a/b"], []]


def test_a_range_of_an_object_that_does_not_exist_is_an_error(scheduler, bucket):
    with pytest.raises(FileNotFoundError):
        run(scheduler, lambda: model_store(bucket).get_range("a", 0, 1))


@pytest.mark.parametrize("is_disk", [False, True])
def test_a_file_appears_with_its_whole_content(scheduler, bucket, is_disk):
    bucket.is_disk = is_disk

    def body():
        store = model_store(bucket)
        with store.temporary_file() as path:
            with path.open("wb") as file:
                file.write(b"whole")
            assert "a" not in bucket.objects
            store.put_file("a", path)

    run(scheduler, body)

    assert {name: blob.content for name, blob in bucket.objects.items()} == {"a": b"whole"}


def test_an_object_is_replaced_only_if_it_is_the_one_that_was_seen(scheduler, bucket):
    answers = []

    def body():
        store = model_store(bucket)
        answers.append(store.replace("a", b"1", None))
        answers.append(store.replace("a", b"2", None))
        seen = store.get_versioned("a")
        assert isinstance(seen, Versioned)
        answers.append(store.replace("a", b"3", seen.version))
        answers.append(store.replace("a", b"4", seen.version))
        answers.append(store.get("a"))
        answers.append(store.get_versioned("b"))

    run(scheduler, body)

    assert answers == [True, False, True, False, b"3", None]


def test_a_store_without_conditions_may_replace_what_was_not_seen(scheduler, bucket):
    bucket.is_conditional = False
    answers = []

    def writer(content):
        return lambda: answers.append(model_store(bucket).replace("a", content, None))

    interrupted_at(scheduler, 2)
    run(scheduler, writer(b"1"), writer(b"2"))

    assert answers == [True, True]


def test_a_listing_has_two_halves(scheduler, bucket):
    for name in "abcd":
        bucket.write(f"x/{name}", b"")
    found = []

    def change():
        bucket.remove("x/a")
        bucket.remove("x/d")
        bucket.write("x/e", b"")

    interrupted_at(scheduler, 2)
    run(scheduler, lambda: found.extend(model_store(bucket).find("x")), change)

    assert found == ["x/a", "x/b", "x/c", "x/e"]


def test_objects_are_deleted_one_by_one(scheduler, bucket):
    for name in "ab":
        bucket.write(f"x/{name}", b"")
    found = []
    interrupted_at(scheduler, 2)

    run(
        scheduler,
        lambda: model_store(bucket).delete(["x/a", "x/b"]),
        lambda: found.extend(bucket.names("x")),
    )

    assert found == ["x/b"]


def test_an_actor_that_is_killed_does_nothing_more(scheduler, bucket):
    scheduler.style.kills = 1.0
    interrupted_at(scheduler, 1)

    def body():
        try:
            model_store(bucket).put("a", b"")
        finally:
            model_store(bucket).put("b", b"")

    run(scheduler, body)
    scheduler.close()

    assert not bucket.objects


def test_a_file_that_a_manifest_names_must_not_be_deleted(scheduler, bucket):
    bucket.laws.named.add("dt=1/part-0-0")
    bucket.objects["dt=1/part-0-0"] = None

    with pytest.raises(Violation, match=WHOLE):
        run(scheduler, lambda: model_store(bucket).delete(["dt=1/part-0-0"]))


def test_nothing_may_be_left_in_staging(bucket):
    bucket.write("_staging/x", b"")

    with pytest.raises(Violation, match=NOTHING_LEFT):
        bucket.laws.check_end()
