from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_convexport.export.sharing import Allowance, SharedCheck


class TestAllowance:
    def test_no_more_bytes_are_held_than_there_are(self):
        allowance, lock = Allowance(100), threading.Lock()
        held, most = 0, 0

        def work(wanted):
            nonlocal held, most
            with allowance.held(wanted):
                with lock:
                    held += wanted
                    most = max(most, held)
                time.sleep(0.005)
                with lock:
                    held -= wanted

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(work, [40, 60, 30, 30, 90, 10, 50, 100] * 2))

        assert 60 < most <= 100

    def test_who_needs_more_than_there_is_has_all_of_it_alone(self):
        allowance, others = Allowance(100), []

        def other():
            with allowance.held(1):
                others.append(True)

        with allowance.held(1_000):
            thread = threading.Thread(target=other)
            thread.start()
            thread.join(0.1)
            assert others == []
        thread.join()
        assert others == [True]

    def test_bytes_are_given_back_after_an_error(self):
        allowance = Allowance(100)

        for _ in range(3):
            with pytest.raises(KeyError), allowance.held(100):
                raise KeyError


class Slow:
    """A check that takes until it is told to end, and counts how often it was made."""

    def __init__(self, error=None):
        self.error, self.made = error, 0
        self.begun, self.goes_on = threading.Semaphore(0), threading.Semaphore(0)

    def __call__(self):
        self.made += 1
        self.begun.release()
        assert self.goes_on.acquire(timeout=10)
        if self.error is not None:
            raise self.error


class TestSharedCheck:
    def test_all_who_ask_during_a_check_share_the_next_one(self):
        check = Slow()
        shared = SharedCheck(check)
        with ThreadPoolExecutor(9) as threads:
            first = threads.submit(shared)
            assert check.begun.acquire(timeout=10)
            others = [threads.submit(shared) for _ in range(8)]
            time.sleep(0.1)
            assert not any(each.done() for each in others)  # the first began before they asked

            check.goes_on.release(2)
            for each in (first, *others):
                each.result(timeout=10)

        assert check.made == 2

    def test_a_check_that_is_over_counts_for_nobody_who_asks_later(self):
        check = Slow()
        check.goes_on.release(3)
        shared = SharedCheck(check)

        for _ in range(3):
            shared()

        assert check.made == 3

    def test_each_who_asks_gets_an_error_if_the_check_fails(self):
        check = Slow(KeyError("gone"))
        check.goes_on.release(10)
        shared = SharedCheck(check)

        with ThreadPoolExecutor(4) as threads:
            for each in [threads.submit(shared) for _ in range(4)]:
                with pytest.raises(KeyError):
                    each.result(timeout=10)
