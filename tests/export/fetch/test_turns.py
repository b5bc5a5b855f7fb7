from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import monotonic, sleep

import pytest

from airflow_provider_convexport.export.fetch.budget import Budget
from airflow_provider_convexport.export.fetch.budget_storage import memory_counter
from airflow_provider_convexport.export.fetch.limit import Limit
from airflow_provider_convexport.export.fetch.turns import Turns


class EndedError(Exception):
    pass


def ended():
    raise EndedError


def nothing():
    pass


def queued(turns, name, number):
    """Wait until so many threads are in a queue."""
    while len(turns._queues[name]) < number:
        sleep(0.001)


def test_threads_take_their_turns_in_the_order_in_which_they_came():
    turns, order = Turns(), []

    def take(number):
        with turns.turn("a", nothing):
            order.append(number)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(5)]
    with turns.turn("a", nothing) as waited:
        for number, thread in enumerate(threads):
            thread.start()
            queued(turns, "a", number + 2)
    for thread in threads:
        thread.join()

    assert waited == 0
    assert order == [0, 1, 2, 3, 4]


def test_queues_of_different_names_do_not_wait_for_each_other():
    turns = Turns()

    with turns.turn("a", nothing), turns.turn("b", nothing) as waited:
        assert waited == 0


def test_a_thread_that_waits_for_its_turn_notices_within_a_second_that_it_has_to_end():
    turns, start = Turns(), monotonic()

    def wait():
        with turns.turn("a", ended):
            pass

    with ThreadPoolExecutor(1) as pool, turns.turn("a", nothing):
        caught = pool.submit(wait).exception(timeout=5)

    assert isinstance(caught, EndedError)
    assert monotonic() - start < 2
    assert not turns._queues["a"]  # nobody waits for a thread that has gone


def test_the_next_thread_has_its_turn_if_the_first_fails():
    turns = Turns()

    with pytest.raises(EndedError), turns.turn("a", nothing):
        raise EndedError
    with turns.turn("a", nothing) as waited:
        assert waited == 0


def test_a_forked_process_does_not_wait_for_threads_that_it_does_not_have():
    turns = Turns()

    with turns.turn("a", nothing):
        turns._pid = os.getpid() + 1  # as if this were a fork
        with turns.turn("a", nothing) as waited:
            assert waited == 0


def test_three_threads_ask_the_counter_little_more_than_once_for_each_request():
    asked = []

    class Counting:
        def __init__(self, *arguments):
            self.counter = memory_counter(*arguments)

        def take(self):
            asked.append(None)
            return self.counter.take()

        def __getattr__(self, name):
            return getattr(self.counter, name)

    budget = Budget("account", (Limit(10, timedelta(milliseconds=100)),), Counting)

    def work():
        for _ in range(10):
            budget.grant("/records")

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(work) for _ in range(3)]:
            done.result()

    assert (
        30 <= len(asked) <= 39
    )  # each period ends with one question in vain, and its wait may end a moment early
