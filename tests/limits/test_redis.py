"""The shared budget on a real Redis server that is restarted or away."""

from __future__ import annotations

from datetime import timedelta

import pytest
import redis

from airflow_provider_convexport.errors import IncompleteExportError
from airflow_provider_convexport.export.fetch import budget_storage
from airflow_provider_convexport.export.fetch.budget_storage import counter_factory
from airflow_provider_convexport.export.fetch.limit import Limit

pytestmark = pytest.mark.slow

LIMITS = (Limit(2, timedelta(seconds=30)),)


def test_all_workers_count_together(redis_url):
    one, two = (counter_factory(redis_url)("ada:together", LIMITS) for _ in range(2))

    assert [one.take(), two.take()] == [0.0, 0.0]
    assert 25 < one.take() < 33
    assert 25 < two.take() < 33


def test_after_a_restart_that_forgot_everything_the_window_counts_as_full(redis_url):
    counter = counter_factory(redis_url)("ada:restarted", LIMITS)
    assert counter.take() == 0.0
    server = redis.Redis.from_url(redis_url)
    server.flushall()
    server.script_flush()

    assert counter.take() > 0
    assert 25 < counter.take() < 33


def test_after_such_a_restart_every_counter_counts_as_full_for_itself(redis_url):
    counters = [counter_factory(redis_url)(f"ada:restarted:{name}", LIMITS) for name in ("one", "two")]
    server = redis.Redis.from_url(redis_url)
    server.flushall()
    server.script_flush()

    assert all(counter.take() > 0 for counter in counters)
    assert all(25 < counter.take() < 33 for counter in counters)


def test_counters_leave_by_themselves(redis_url):
    counter_factory(redis_url)("ada:leaving", LIMITS).take()

    assert 0 < redis.Redis.from_url(redis_url).ttl("convexport:budget:ada:leaving") <= 33


def test_a_server_that_is_away_is_named_without_its_password(monkeypatch):
    monkeypatch.setattr(budget_storage, "_REDIS_RETRIES", 0)

    with pytest.raises(IncompleteExportError, match=r"did not answer \(ConnectionError\)") as caught:
        counter_factory("redis://:secret-word@127.0.0.1:1/0")("ada:away", LIMITS)

    assert "secret-word" not in repr(caught.value)
