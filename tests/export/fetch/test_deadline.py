from __future__ import annotations

import contextlib
import threading

import pytest

from airflow_provider_convexport.export.fetch.deadline import Deadlines
from tests.support.waiting import wait_for_threads


class Told:
    def __init__(self):
        self.times = 0

    def begin(self):
        self.times += 1


@pytest.fixture
def deadlines():
    with contextlib.closing(Deadlines()) as some:
        yield some


def threads_since(before):
    return [each for each in set(threading.enumerate()) - before if each.name == "convexport_deadlines"]


def test_who_misses_a_deadline_is_told_once(deadlines):
    late, later = Told(), Told()
    deadlines.set(later, 3600)

    deadlines.set(late, 0.01)

    wait_for_threads(lambda: late.times)
    assert (late.times, later.times) == (1, 0)


def test_who_has_no_deadline_any_more_is_not_told(deadlines):
    done, late = Told(), Told()
    deadlines.set(done, 0.05)
    deadlines.set(late, 0.05)

    deadlines.lift(done)

    wait_for_threads(lambda: late.times)
    assert done.times == 0


def test_a_deadline_that_moves_away_has_not_passed_and_one_that_comes_nearer_has(deadlines):
    away, nearer = Told(), Told()
    deadlines.set(nearer, 3600)
    deadlines.set(away, 0.05)

    deadlines.set(away, 3600)
    deadlines.set(nearer, 0.1)

    wait_for_threads(lambda: nearer.times)
    assert away.times == 0


def test_thousands_of_deadlines_take_one_thread_that_ends_when_it_is_told_to(deadlines):
    some, before = [Told() for _ in range(10)], set(threading.enumerate())

    for _ in range(1000):
        for each in some:
            deadlines.set(each, 3600)
            deadlines.lift(each)

    assert len(threads_since(before)) == 1
    deadlines.close()
    assert threads_since(before) == []


def test_the_thread_ends_by_itself_and_another_one_watches_the_next_deadline(deadlines):
    first, second, before = Told(), Told(), set(threading.enumerate())
    deadlines.set(first, 0.01)
    wait_for_threads(lambda: not threads_since(before))

    deadlines.set(second, 0.01)

    wait_for_threads(lambda: second.times)
    assert first.times == 1


def test_closing_twice_and_without_a_thread_does_nothing(deadlines):
    deadlines.close()
    deadlines.set(Told(), 3600)
    deadlines.close()
    deadlines.close()
