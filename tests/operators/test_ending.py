"""What Airflow does to end a task, done to an operator."""

from __future__ import annotations

import os
import signal
import threading
import time

import pendulum
import pytest
from airflow.sdk.execution_time.timeout import TimeoutPosix

from airflow_provider_convexport.operators.ada import AdaExportOperator
from tests.support import published
from tests.support.exceptions import TaskTimeout
from tests.support.tiny_server import Answer, as_json

APRIL_1 = pendulum.datetime(2026, 4, 1)
CONTEXT = {
    "data_interval_start": APRIL_1,
    "data_interval_end": APRIL_1.add(days=1),
    "run_id": "scheduled__1",
}


@pytest.fixture
def operator(connect, server, tmp_path):
    connect("ada", server.url)
    server.fallback = lambda asked: Answer(body=b"[" * 1000, drip="body")
    return AdaExportOperator(task_id="export", destination=str(tmp_path))


@pytest.fixture
def sigterm(operator):
    """As the task runner handles it: it calls ``on_kill`` and nothing else."""
    old = signal.signal(signal.SIGTERM, lambda number, frame: operator.on_kill())
    yield lambda: os.kill(os.getpid(), signal.SIGTERM)
    signal.signal(signal.SIGTERM, old)


def test_sigterm_ends_the_try_with_a_sentence_and_a_retry_exports(operator, server, sigterm, tmp_path):
    timer = threading.Timer(1.0, sigterm)
    start = time.monotonic()
    timer.start()
    with pytest.raises(SystemExit, match="told to end by SIGTERM, so the export stopped; progress is kept"):
        operator.execute(CONTEXT)
    assert time.monotonic() - start < 6
    record = {"_id": "a", "date_created": "2026-04-01T12:00:00"}
    server.fallback = lambda asked: as_json({"data": [record], "meta": {"next_page_uri": None}})

    assert operator.execute(CONTEXT)["records"] == 1

    assert len(published.manifests(tmp_path)) == 1


def test_a_timeout_ends_the_try_and_the_call_of_on_kill_that_follows_hides_nothing(operator):
    start = time.monotonic()
    with pytest.raises(TaskTimeout), TimeoutPosix(1):
        operator.execute(CONTEXT)
    operator.on_kill()

    assert time.monotonic() - start < 6


def test_sigterm_before_or_after_the_export_is_left_to_airflow(operator, sigterm):
    sigterm()
