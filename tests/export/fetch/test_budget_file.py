from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import time
from datetime import timedelta

import pytest

from airflow_provider_convexport.errors import IncompleteExportError
from airflow_provider_convexport.export.fetch import budget_file
from airflow_provider_convexport.export.fetch.budget import Budget
from airflow_provider_convexport.export.fetch.budget_file import FileCounter
from airflow_provider_convexport.export.fetch.budget_storage import rates_of
from airflow_provider_convexport.export.fetch.limit import Limit
from tests.support.samples import FakeTime

RATES = rates_of((Limit(3, timedelta(seconds=30)),))


@pytest.fixture
def counter(tmp_path):
    """Make counters of one file, and close them afterwards."""
    made = []

    def make(clock=time.monotonic, boot=lambda: "boot", rates=RATES):
        made.append(FileCounter(tmp_path / "budget", "ada:acme", rates, clock=clock, boot=boot))
        return made[-1]

    yield make
    for each in made:
        each.close()


def file_of(tmp_path, ending):
    [path] = (tmp_path / "budget").glob(f"*{ending}")
    return path


def test_first_use_waits_for_nothing(counter, caplog):
    assert [counter().take() for _ in range(3)] == [0.0, 0.0, 0.0]
    assert caplog.text == ""


@pytest.mark.parametrize("seconds", [-86_400, 86_400])
def test_a_step_of_the_wall_clock_changes_nothing(counter, monkeypatch, seconds):
    one = counter()
    for _ in range(3):
        one.take()
    real = time.time
    monkeypatch.setattr("time.time", lambda: real() + seconds)
    monkeypatch.setattr("time.time_ns", lambda: int((real() + seconds) * 1e9))

    assert 29 < one.take() < 33


def damage(path):
    path.write_bytes(b"not a database" * 1000)


def truncate(path):
    path.write_bytes(b"")


def delete(path):
    path.unlink()


@pytest.mark.parametrize("harm", [damage, truncate, delete])
@pytest.mark.parametrize("fresh", [False, True], ids=["same process", "new process"])
def test_a_file_that_lost_its_count_is_named_once_and_one_period_is_waited_out(
    counter, tmp_path, caplog, harm, fresh
):
    clock = FakeTime()
    one = counter(clock)
    one.take()
    if fresh:
        one.close()
    harm(file_of(tmp_path, ".sqlite"))
    if fresh:
        one = counter(clock)

    assert 29 < one.take() < 33
    assert caplog.text.count("was deleted or damaged") == 1
    clock.sleep(32)
    assert one.take() == 0.0
    assert caplog.text.count("was deleted or damaged") == 1


def test_after_a_restart_of_the_machine_the_wall_clock_tells_how_old_requests_are(counter, monkeypatch):
    monkeypatch.setattr(budget_file, "_wall", lambda: 1_000_000)
    one = counter(FakeTime(5_000))
    for _ in range(3):
        one.take()
    monkeypatch.setattr(budget_file, "_wall", lambda: 1_020_000)

    assert 10 <= counter(FakeTime(7), boot=lambda: "another").take() < 13


def test_what_is_given_back_is_not_counted(counter):
    one = counter()
    for _ in range(10):
        assert one.take() == 0.0
        one.give_back()


def test_a_lock_that_another_process_keeps_is_logged_and_then_an_error(
    counter, tmp_path, caplog, monkeypatch
):
    one = counter()
    one.take()
    monkeypatch.setattr(budget_file, "_LOCK_PATIENCE", 0.01)
    monkeypatch.setattr(budget_file, "LOCK_WARNING", 0.1)
    monkeypatch.setattr(budget_file, "LOCK_LIMIT", 0.3)
    gate = Budget("acme", (Limit(3, timedelta(seconds=30)),), counter=lambda name, limits: one)
    with file_of(tmp_path, ".lock").open() as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        with pytest.raises(IncompleteExportError, match="end or continue that process if it is stopped"):
            gate.grant("/a")

    assert caplog.text.count("end or continue that process") == 1
    assert one.take() == 0.0


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_process_counts_in_the_same_file_and_does_not_keep_locks(counter):
    one = counter()
    one.take()
    gate = Budget("acme", (Limit(3, timedelta(seconds=30)),), counter=lambda name, limits: one)
    with gate._lock, one._lock():  # as another thread may hold them at that moment
        child = os.fork()
        if child == 0:
            status = 1
            try:
                time.sleep(0.2)
                gate.grant("/a", max_wait=0)
                status = 0
            finally:
                os._exit(status)

    assert one.take() == 0.0
    assert os.waitpid(child, 0)[1] == 0
    assert one.take() > 0


def test_requests_that_left_all_periods_are_removed_now_and_then(counter, tmp_path):
    moment = [1000.0]
    one = counter(clock=lambda: moment[0], rates=rates_of((Limit(1, timedelta(seconds=1)),)))
    for _ in range(130):
        assert one.take() == 0.0
        moment[0] += 2

    with contextlib.closing(sqlite3.connect(file_of(tmp_path, ".sqlite"))) as file:
        [(rows,)] = file.execute("SELECT count(*) FROM rate_bucket")
    assert rows <= 50
