from __future__ import annotations

import stat
from datetime import timedelta

import pytest
import redis

from airflow_provider_convexport.errors import ConfigurationError, IncompleteExportError
from airflow_provider_convexport.export.fetch.budget_redis import RedisCounter
from airflow_provider_convexport.export.fetch.budget_storage import counter_factory, rates_of
from airflow_provider_convexport.export.fetch.limit import Limit

LIMITS = (Limit(2, timedelta(seconds=30)),)


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def counter(own_folder):
    """Makes counters of a storage, and closes their files afterwards."""
    made = []

    def make(name, storage="machine"):
        made.append(counter_factory(storage)(name, LIMITS))
        return made[-1]

    yield make
    for each in made:
        getattr(each, "close", lambda: None)()


@pytest.mark.parametrize("storage", ["memory", "machine"])
def test_a_counter_gives_what_the_limit_allows_and_then_the_seconds_to_wait(counter, storage):
    counter = counter("ada:acme", storage)

    assert [counter.take(), counter.take()] == [0.0, 0.0]
    assert 29 < counter.take() < 33


def test_two_processes_of_a_machine_would_open_the_same_counter(counter):
    counter("ada:acme").take()
    counter("ada:acme").take()

    assert counter("ada:acme").take() > 0
    assert counter("ada:other").take() == 0


def test_nobody_else_can_read_the_machines_counters_and_their_names_tell_nothing(counter, own_folder):
    counter("agentx:0123456789abcdef").take()

    [folder] = own_folder.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not [path for path in folder.iterdir() if "agentx" in path.name]


def test_windows_are_stretched_and_sorted_by_length():
    rates = rates_of((Limit(100, timedelta(minutes=1)), Limit(10, timedelta(seconds=1))))

    assert [(rate.limit, rate.interval) for rate in rates] == [(10, 1040), (100, 61_100)]


def test_a_folder_that_cannot_be_written_is_named_with_what_to_do(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))

    with pytest.raises(ConfigurationError, match="set TMPDIR to a folder that this user can write to"):
        counter_factory("machine")("ada:acme", LIMITS)


def test_another_storage_is_refused_with_what_to_write_instead():
    with pytest.raises(ConfigurationError, match="is not 'machine', 'memory' or a redis:// URL"):
        counter_factory("memcached://localhost")


class AwayServer:
    """A Redis server that goes away after it was connected."""

    def ping(self):
        return True

    def eval(self, *arguments):
        raise redis.exceptions.ConnectionError("redis:6379")


def test_a_redis_server_that_goes_away_is_named():
    counter = RedisCounter(AwayServer(), "ada:away", rates_of(LIMITS))

    with pytest.raises(IncompleteExportError, match=r"Redis server .* did not answer \(ConnectionError\)"):
        counter.take()


class SlowServer:
    """A Redis server that allows everything; its answers take as long as the test says."""

    def __init__(self, *seconds):
        self.now = 0.0
        self.seconds = list(seconds)
        self.counted = []

    def ping(self):
        return True

    def eval(self, script, keys, key, request, *limits):
        self.now += self.seconds.pop(0)
        self.counted.append(request)
        return [0, 0, round(self.now * 1000)]

    def zrem(self, key, request):
        self.counted.remove(request)


def test_a_permission_that_arrives_late_is_given_back_instead_of_used():
    server = SlowServer(0.001, 0.1, 0.002)
    rates = rates_of((Limit(3, timedelta(seconds=1)),))
    counter = RedisCounter(server, "agentx:late", rates, clock=lambda: server.now)

    assert counter.take() == 0.0
    assert 0 < counter.take() < 0.01
    assert len(server.counted) == 1
    assert counter.take() == 0.0
    assert len(server.counted) == 2


def test_a_server_that_is_always_far_away_is_not_late():
    server = SlowServer(0.2, 0.2, 0.21)
    rates = rates_of((Limit(3, timedelta(seconds=1)),))
    counter = RedisCounter(server, "agentx:far", rates, clock=lambda: server.now)

    assert [counter.take() for _ in range(3)] == [0.0, 0.0, 0.0]
