"""The shared budget on a real Redis server that is restarted or away."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
import redis

from airflow_provider_convexport.errors import IncompleteExportError
from airflow_provider_convexport.export.fetch import budget_redis
from airflow_provider_convexport.export.fetch.budget import Budget
from airflow_provider_convexport.export.fetch.budget_redis import RedisCounter
from airflow_provider_convexport.export.fetch.budget_storage import counter_factory, rates_of
from airflow_provider_convexport.export.fetch.limit import Limit
from tests.support.redis import SteppedServer
from tests.support.tls_server import most_in_any

pytestmark = pytest.mark.slow

PERIOD = 1.0
LIMITS = (Limit(10, timedelta(seconds=PERIOD)),)


def send(url, name, seconds, *, meanwhile=lambda number: None):
    """Send as fast as a budget allows, and return when."""
    budget = Budget(f"ada:{name}", LIMITS, counter_factory(url))
    sent = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        budget.grant("/export")
        sent.append(time.monotonic())
        meanwhile(len(sent))
    return sent


def ready(url, name, limits=LIMITS):
    """Return a counter whose first period, in which nobody knows what was sent, is over."""
    counter = counter_factory(url)(f"ada:{name}", limits)
    while (wait := counter.take()) > 0:
        time.sleep(wait)
    return counter


def test_all_workers_count_together(redis_url):
    one = ready(redis_url, "together")
    two = counter_factory(redis_url)("ada:together", LIMITS)

    granted = 0
    while (wait := two.take()) < 0.01:
        granted += wait == 0.0
    assert granted == 9
    assert 0.5 < wait <= 1.1
    assert 0.5 < one.take() <= 1.1


def test_the_first_period_is_waited_out_with_a_sentence_because_nobody_knows_what_was_sent(redis_url, caplog):
    counter = counter_factory(redis_url)("ada:first", LIMITS)

    assert 1.0 < counter.take() < 1.1
    assert "has no count of this account's requests" in caplog.text
    caplog.clear()
    assert counter.take() > 0
    assert caplog.text == ""


@pytest.mark.parametrize("loss", ["flush", "eviction of one key", "flush of scripts too"])
def test_never_more_than_the_limit_when_the_data_is_lost_and_new_processes_start(redis_url, loss):
    server = redis.Redis.from_url(redis_url)
    name = f"lost:{loss}"
    ready(redis_url, name)

    def lose(number):
        if number % 16 == 0:
            if loss == "eviction of one key":
                server.delete(f"convexport:budget:ada:{name}")
            else:
                server.flushall()
            if loss == "flush of scripts too":
                server.script_flush()

    sent = [
        moment for _ in range(2) for moment in send(redis_url, name, 2.5, meanwhile=lose)
    ]  # the second with a new counter, as another process would

    assert len(sent) >= 20
    assert most_in_any(PERIOD, sent) <= 10


def test_a_server_process_that_is_not_the_one_that_counted_is_noticed(redis_url):
    """A restart from an old snapshot, or a failover to a replica that lags behind."""
    counter = ready(redis_url, "restored")
    server = redis.Redis.from_url(redis_url)
    key = "convexport:budget:ada:restored"
    [epoch] = server.zrangebyscore(key, "+inf", "+inf")
    server.zrem(key, epoch)
    server.zadd(key, {"epoch:another": float("inf")})

    assert 1.0 < counter.take() < 1.1


def test_a_clock_that_was_put_back_by_hours_blocks_for_one_period_only(redis_url):
    counter = ready(redis_url, "back")
    server = redis.Redis.from_url(redis_url)
    later = (int(server.time()[0]) + 7200) * 1000
    server.zadd("convexport:budget:ada:back", {f"later:{number}": later for number in range(10)})

    assert 1.0 < counter.take() < 1.1


@pytest.mark.parametrize("seconds", [2, 7200])
def test_a_clock_that_was_put_forward_does_not_free_the_budget(redis_url, caplog, seconds):
    """Every worker that is alive notices, and only one period is waited for all of them together."""
    server = SteppedServer(redis_url)
    workers = [
        Budget(f"ada:forward:{seconds}", LIMITS, lambda name, own: RedisCounter(server, name, rates_of(own)))
        for _ in range(3)
    ]
    for worker in workers:
        worker.grant("/export")
    server.delete(server.KEY)
    sent = []
    for number in range(50):
        if number == 25:
            server.step(seconds)
        workers[number % 3].grant("/export")
        sent.append(time.monotonic())

    assert most_in_any(PERIOD, sent) <= 10
    assert sent[-1] - sent[0] < (50 / 10 + 1.5) * PERIOD * 1.04
    assert caplog.text.count("its clock was put forward") == 2  # once for the first use


def test_a_day_is_not_waited_out(redis_url):
    limits = (*LIMITS, Limit(15, timedelta(days=1)))

    counter = ready(redis_url, "day", limits)

    assert [counter.take() for _ in range(2)] == [0.0, 0.0]


def test_what_is_given_back_is_not_counted(redis_url):
    counter = ready(redis_url, "returned")
    for _ in range(30):
        while (wait := counter.take()) > 0:
            assert wait < 0.01  # a permit that reached a busy machine too late was given back already
        counter.give_back()


def test_counters_leave_by_themselves(redis_url):
    counter_factory(redis_url)("ada:leaving", LIMITS).take()

    assert 0 < redis.Redis.from_url(redis_url).ttl("convexport:budget:ada:leaving") <= 31 * 86_400


def test_a_server_that_is_away_is_named_without_its_password(monkeypatch):
    monkeypatch.setattr(budget_redis, "_REDIS_RETRIES", 0)

    with pytest.raises(IncompleteExportError, match=r"did not answer \(ConnectionError\)") as caught:
        counter_factory("redis://:secret-word@127.0.0.1:1/0")("ada:away", LIMITS)

    assert "secret-word" not in repr(caught.value)
