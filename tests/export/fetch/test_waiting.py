from __future__ import annotations

import threading
import time

import pytest

from airflow_provider_convexport.export.fetch.waiting import Waiting


@pytest.fixture
def waiting(fake_time):
    return Waiting(fake_time)


def test_nobody_has_waited_at_the_beginning(waiting, fake_time):
    fake_time.sleep(5)

    assert waiting.seconds == 0


def test_what_several_threads_wait_at_the_same_time_counts_once(waiting, fake_time):
    with waiting.counted():  # from 0 to 5
        fake_time.sleep(2)
        with waiting.counted():  # another thread's, from 2 to 3
            fake_time.sleep(1)
        fake_time.sleep(2)

    assert waiting.seconds == 5


def test_waits_that_overlap_count_from_the_first_to_the_last(waiting, fake_time):
    one, two = waiting.counted(), waiting.counted()
    one.__enter__()
    fake_time.sleep(3)
    two.__enter__()
    fake_time.sleep(3)
    one.__exit__(None, None, None)
    fake_time.sleep(3)
    two.__exit__(None, None, None)

    assert waiting.seconds == 9


def test_waits_one_after_the_other_add_up_without_what_lies_between(waiting, fake_time):
    for _ in range(3):
        with waiting.counted():
            fake_time.sleep(2)
        fake_time.sleep(10)

    assert waiting.seconds == 6


def test_a_wait_that_still_lasts_counts_until_now(waiting, fake_time):
    with waiting.counted():
        fake_time.sleep(7)

        assert waiting.seconds == 7


def test_a_wait_that_an_error_ends_counts_until_then(waiting, fake_time):
    def wait():
        with waiting.counted():
            fake_time.sleep(4)
            raise InterruptedError

    with pytest.raises(InterruptedError):
        wait()
    fake_time.sleep(4)

    assert waiting.seconds == 4


def test_many_threads_never_wait_longer_than_the_clock_says():
    waiting, begun = Waiting(), time.monotonic()

    def wait():
        for _ in range(20):
            with waiting.counted():
                time.sleep(0.001)

    threads = [threading.Thread(target=wait) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 0.02 <= waiting.seconds <= time.monotonic() - begun
