from __future__ import annotations

import threading

import pytest

from airflow_provider_convexport.export.stage.uploads import Uploads


def test_operations_are_performed_in_order_and_not_in_the_thread_that_submits():
    done = []
    uploads = Uploads()
    for number in range(100):
        uploads.submit(lambda number=number: done.append((number, threading.current_thread().name)))

    uploads.finish()

    assert done == [(number, "convexport_upload") for number in range(100)]


def test_submitting_waits_when_too_many_wait():
    gate, submitted = threading.Event(), []
    uploads = Uploads(max_waiting=2)

    def submit():
        for number in range(5):
            uploads.submit(gate.wait)
            submitted.append(number)

    thread = threading.Thread(target=submit)
    thread.start()
    thread.join(0.05)
    before = list(submitted)
    gate.set()
    thread.join()
    uploads.finish()

    assert (before, submitted) == ([0, 1], [0, 1, 2, 3, 4])


def test_after_a_failure_nothing_more_is_performed_and_everybody_is_told():
    gate, done = threading.Event(), []
    uploads = Uploads()

    def fail():
        gate.wait()
        raise OSError("the store is away")

    uploads.submit(fail)
    uploads.submit(lambda: done.append(1))
    gate.set()
    with pytest.raises(OSError, match="the store is away"):
        uploads.finish()
    with pytest.raises(OSError, match="the store is away"):
        uploads.submit(lambda: done.append(2))
    uploads.wait()

    assert done == []


def test_a_failure_frees_who_waits_to_submit():
    gate = threading.Event()
    uploads = Uploads(max_waiting=1)
    raised = []

    def fail():
        gate.wait()
        raise OSError("the store is away")

    def submit():
        try:
            uploads.submit(lambda: None)
        except OSError as error:
            raised.append(error)

    uploads.submit(fail)
    thread = threading.Thread(target=submit)
    thread.start()
    gate.set()
    thread.join()

    assert len(raised) == 1
