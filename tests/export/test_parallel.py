from __future__ import annotations

import sys
import threading
from itertools import count

import pytest

from airflow_provider_convexport.export.parallel import in_parallel
from tests.support.waiting import wait_for_threads


class Calls:
    """A function that counts its calls and how many of them run at once; it waits for the gate."""

    def __init__(self):
        self.gate = threading.Event()
        self.lock = threading.Lock()
        self.begun = self.running = self.most = 0

    def __call__(self, item):
        with self.lock:
            self.begun += 1
            self.running += 1
            self.most = max(self.most, self.running)
        self.gate.wait(10)
        with self.lock:
            self.running -= 1
        return item * item


@pytest.fixture(autouse=True)
def threads_of_others(monkeypatch):
    """Forget the threads that other tests have left, such as those with a store that hangs."""
    monkeypatch.setattr(sys.modules[__name__], "OTHERS", threading.enumerate())


OTHERS: list[threading.Thread] = []


def threads_of_the_pool():
    there = [each for each in threading.enumerate() if each not in OTHERS]
    return [each for each in there if each.name.startswith("convexport_parallel")]


def test_every_item_comes_with_its_result():
    assert dict(in_parallel(lambda item: item * item, range(500), threads=8)) == {
        item: item * item for item in range(500)
    }


def test_nothing_is_started_for_no_items():
    assert list(in_parallel(abs, [], threads=8)) == []


def test_no_more_calls_run_at_once_than_there_are_threads_and_all_threads_are_used():
    calls = Calls()
    results = in_parallel(calls, range(200), threads=8)

    reader = threading.Thread(target=list, args=(results,))
    reader.start()
    wait_for_threads(lambda: calls.running == 8)
    calls.gate.set()
    reader.join(10)

    assert (calls.begun, calls.most) == (200, 8)


def test_no_further_item_is_taken_while_the_caller_takes_no_results():
    taken = []

    def items():
        for item in count():
            taken.append(item)
            yield item

    results = in_parallel(abs, items(), threads=4)
    for yielded in range(1, 50):
        next(results)
        assert len(taken) <= yielded + 4
    results.close()


def test_the_first_error_is_raised_at_once_and_no_further_call_begins():
    calls = Calls()

    def fail(item):
        if item == 3:
            raise KeyError(item)
        return calls(item)

    with pytest.raises(KeyError):
        list(in_parallel(fail, range(1000), threads=4))

    assert not calls.gate.is_set()  # three calls were still running
    assert calls.begun == 3
    calls.gate.set()
    wait_for_threads(lambda: not threads_of_the_pool())
    assert calls.begun == 3


def test_an_error_is_raised_although_further_items_come_slowly():
    taken = []

    def items():
        for item in range(100):
            taken.append(item)
            yield item
            wait_for_threads(lambda: not threads_of_the_pool())  # the only thread has failed

    with pytest.raises(ZeroDivisionError):
        list(in_parallel(lambda item: item / 0, items(), threads=64))

    assert taken in ([0], [0, 1])


def test_calls_that_write_are_waited_for():
    calls = Calls()

    def fail(item):
        if item == 1:
            threading.Timer(0.05, calls.gate.set).start()
            raise KeyError(item)
        return calls(item)

    with pytest.raises(KeyError):
        list(in_parallel(fail, range(2), threads=2, patience=10))

    assert (calls.begun, calls.running) == (1, 0)
    assert not threads_of_the_pool()


@pytest.mark.parametrize("how", ["all", "closed"])
def test_the_threads_end(how):
    results = in_parallel(abs, range(100), threads=8)
    list(results) if how == "all" else next(results)
    results.close()

    wait_for_threads(lambda: not threads_of_the_pool())


def test_an_error_of_the_items_ends_the_threads_too():
    def items():
        yield 1
        raise KeyError("items")

    with pytest.raises(KeyError):
        list(in_parallel(abs, items(), threads=8))

    wait_for_threads(lambda: not threads_of_the_pool())
