from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_convexport.export.fetch.budget_file import FileCounter
from airflow_provider_convexport.export.fetch.budget_reading import uses_of
from airflow_provider_convexport.export.fetch.budget_storage import counter_factory, rates_of
from airflow_provider_convexport.export.fetch.limit import Limit

PER_MINUTE = Limit(60, timedelta(minutes=1))
PER_ENDPOINT = Limit(3, timedelta(hours=1), per_endpoint=True)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "budget"
    folder.mkdir(mode=0o700)
    return folder


def used(folder, *limits, endpoints=()):
    return [
        (each.endpoint, each.requests)
        for each in uses_of("machine", "ada:one", limits, endpoints, folder=folder)
    ]


def test_requests_that_were_counted_on_this_machine_are_in_use(folder):
    counter = FileCounter(folder, "ada:one", rates_of((PER_MINUTE,)))
    for _ in range(3):
        counter.take()
    counter.close()

    assert used(folder, PER_MINUTE) == [("", 3)]


def test_each_endpoint_has_its_own_count(folder):
    counter = FileCounter(folder, "ada:one:/b", rates_of((PER_ENDPOINT,)))
    counter.take()
    counter.close()

    assert used(folder, PER_ENDPOINT, endpoints=["/b", "/a"]) == [("/a", None), ("/b", 1)]


def test_reading_creates_nothing_and_uses_nothing(folder):
    assert used(folder, PER_MINUTE) == [("", None)]
    assert list(folder.iterdir()) == []


def test_a_damaged_file_is_as_none(folder):
    counter = FileCounter(folder, "ada:one", rates_of((PER_MINUTE,)))
    counter.take()
    counter.close()
    next(folder.glob("*.sqlite")).write_bytes(b"no database" * 100)

    assert used(folder, PER_MINUTE) == [("", None)]


def test_counts_in_the_memory_of_another_process_cannot_be_read():
    assert [each.requests for each in uses_of("memory", "ada:one", [PER_MINUTE], [])] == [None]


def test_redis_counts_for_all(redis_url):
    redis = pytest.importorskip("redis")
    redis.Redis.from_url(redis_url).flushall()
    limit = Limit(60, timedelta(days=1))  # so long that the first count is not taken for a lost one
    counter = counter_factory(redis_url)("ada:one", (limit,))
    counter.take()

    assert [each.requests for each in uses_of(redis_url, "ada:one", [limit], [])] == [1]
