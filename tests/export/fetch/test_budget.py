from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyrate_limiter import InMemoryBucket

from airflow_provider_convexport.export.fetch.budget import Budget, BudgetExhaustedError
from airflow_provider_convexport.export.fetch.budget_file import FileCounter
from airflow_provider_convexport.export.fetch.budget_storage import LibraryCounter, memory_counter, rates_of
from airflow_provider_convexport.export.fetch.limit import Limit
from tests.support.samples import FakeTime

SECOND = timedelta(seconds=1)


class _FakeBucket(InMemoryBucket):
    """The package's bucket on the test's clock."""

    def __init__(self, rates, clock):
        super().__init__(rates)
        self.clock = clock

    def now(self):
        return int(self.clock() * 1000)


def budget(clock, *limits):
    return Budget(
        "acme",
        limits,
        counter=lambda name, own: LibraryCounter(_FakeBucket(rates_of(own), clock)),
        sleep=clock.sleep,
        clock=clock,
    )


def most_in_any(period, moments):
    """How many of ``moments`` lie in the fullest moving window, half-open as a strict server counts."""
    return max(
        (sum(1 for other in moments if start <= other < start + period.total_seconds()) for start in moments),
        default=0,
    )


# A busy machine may take long to generate the data, which says nothing about the law.
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    gaps=st.lists(st.tuples(st.floats(0, 3), st.sampled_from(["/a", "/b"])), max_size=60),
    shared=st.integers(1, 12),
    own=st.integers(1, 5),
)
def test_in_no_moving_window_are_more_requests_than_any_limit_allows(gaps, shared, own):
    clock = FakeTime()
    limits = (Limit(shared, 60 * SECOND), Limit(own, SECOND, per_endpoint=True))
    gate = budget(clock, *limits)
    sent = []

    for gap, endpoint in gaps:
        clock.now += gap
        gate.grant(endpoint)
        sent.append((clock(), endpoint))

    assert most_in_any(60 * SECOND, [moment for moment, _ in sent]) <= shared
    for endpoint in ("/a", "/b"):
        assert most_in_any(SECOND, [moment for moment, where in sent if where == endpoint]) <= own


class SlowOnce:
    """A counter that takes 0.3 seconds to respond for the first time."""

    def __init__(self, counter, clock):
        self.counter, self.clock, self.slow = counter, clock, True

    def __getattr__(self, name):
        return getattr(self.counter, name)

    def take(self):
        wait = self.counter.take()
        self.clock.now += 0.3 * self.slow
        self.slow = False
        return wait


@pytest.fixture(params=["memory", "machine"])
def storage(request, tmp_path):
    """Make counters on a test's clock, in memory or in files."""
    with ExitStack() as stack:

        def make(clock):
            def counter(name, own):
                if request.param == "memory":
                    return LibraryCounter(_FakeBucket(rates_of(own), clock))
                made = FileCounter(tmp_path / "budget", name, rates_of(own), clock=clock)
                stack.callback(made.close)
                return made

            return counter

        yield make


def test_what_is_written_late_is_counted_when_it_was_written(storage):
    """Eleven in a second whose limit is ten: the first were held up between the permit and the socket."""
    clock = FakeTime()
    gate = Budget("acme", (Limit(10, SECOND),), storage(clock), sleep=clock.sleep, clock=clock)
    written = []
    for number in range(60):
        grant = gate.grant("/a")
        clock.now += 0.2 if number % 7 == 0 else 0.001
        written.append(clock())
        grant.written()

    assert most_in_any(SECOND, written) <= 10
    assert written[-1] - written[0] < 60 / 10 * 1.04 + 9 * 0.2


def test_a_permit_that_is_stale_when_it_was_taken_is_returned_and_another_taken(storage):
    clock = FakeTime()
    counters = storage(clock)

    def slow(name, own):
        return SlowOnce(counters(name, own), clock)

    gate = Budget("acme", (Limit(1, SECOND),), slow, sleep=clock.sleep, clock=clock)

    grant = gate.grant("/a")

    assert grant.is_fresh()
    assert grant.waited < 0.01
    assert grant.counted >= 1_000_000.3
    clock.now += 0.1
    assert not grant.is_fresh()


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [
        ((Limit(3, SECOND, per_endpoint=True),), 0.02),
        ((Limit(60, 60 * SECOND),), 0.55),
        ((Limit(15_000, 86_400 * SECOND), Limit(10, SECOND)), 0.02),
    ],
)
def test_half_of_what_periods_are_extended_by_is_for_the_time_until_a_request_is_written(limits, seconds):
    assert Budget("acme", limits).tolerance == seconds


def test_close_to_the_limit_when_there_is_work():
    clock = FakeTime()
    gate = budget(clock, Limit(10, SECOND))
    begun = clock()

    for _ in range(201):
        gate.grant("/a")

    assert clock() - begun < 21.5


def test_endpoints_do_not_wait_for_each_others_own_limit():
    clock = FakeTime()
    gate = budget(clock, Limit(1, SECOND, per_endpoint=True))

    assert gate.grant("/a").waited == gate.grant("/b").waited == 0
    assert gate.grant("/a").waited > 1


def test_endpoints_share_what_is_counted_together():
    clock = FakeTime()
    gate = budget(clock, Limit(1, SECOND))

    gate.grant("/a")

    assert gate.grant("/b").waited > 1


def test_the_wait_is_told():
    clock = FakeTime()
    gate = budget(clock, Limit(1, 60 * SECOND))

    assert gate.grant("/a").waited == 0
    assert 60 < gate.grant("/a").waited < 63


def test_without_limits_nobody_waits(fake_time):
    gate = budget(fake_time)

    assert [gate.grant("/a").waited for _ in range(100)] == [0] * 100


def test_a_pause_holds_for_everybody(fake_time):
    gate = budget(fake_time)
    gate.pause(30)

    assert gate.grant("/a").waited == 30
    assert gate.grant("/b").waited == 0


def test_a_shorter_pause_does_not_end_a_longer_one(fake_time):
    gate = budget(fake_time)
    gate.pause(30)
    gate.pause(5)

    assert gate.grant("/a").waited == 30


def test_a_pause_asked_for_while_another_request_waits_for_the_limit_holds_for_it_too():
    clock = FakeTime()
    gate = budget(clock, Limit(1, SECOND))
    gate.grant("/a")
    asleep = clock.sleep

    def sleep(seconds):
        if not clock.slept:
            gate.pause(30)
        asleep(seconds)

    gate.sleep = sleep
    begun = clock()
    gate.grant("/a")

    assert clock() - begun >= 30


def test_threads_together_stay_within_a_real_limit():
    gate = Budget("acme", (Limit(5, timedelta(milliseconds=100)),))
    sent, lock = [], threading.Lock()

    def work():
        for _ in range(4):
            gate.grant("/a")
            with lock:
                sent.append(time.monotonic())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(sent) == 16
    assert max(sent) - min(sent) >= 0.3
    assert max(sent) - min(sent) < 2


def test_every_window_is_stretched_a_little():
    (rate,) = rates_of((Limit(60, timedelta(minutes=1)),))

    assert rate.limit == 60
    assert 60_000 < rate.interval < 63_000
    assert memory_counter("acme", (Limit(60, timedelta(minutes=1)),)).take() == 0


def test_a_wait_longer_than_the_callers_max_wait_is_not_begun():
    clock = FakeTime()
    gate = budget(clock, Limit(1, 60 * SECOND))
    gate.grant("/a")

    with pytest.raises(BudgetExhaustedError, match=r"allows no request for 6[0-3] seconds"):
        gate.grant("/a", max_wait=30)
    assert clock.slept == []


def test_waiting_for_an_endpoints_own_limit_does_not_break_the_shared_one():
    """Permission of the shared count is taken first, so what is sent later must not be counted as earlier."""
    clock = FakeTime()
    gate = budget(clock, Limit(10, SECOND, per_endpoint=True), Limit(100, 60 * SECOND))
    sent = []
    for endpoint in ["/a"] * 110 + ["/b"] * 10:
        gate.grant(endpoint)
        sent.append(clock())

    assert most_in_any(60 * SECOND, sent) <= 100


def test_a_permit_of_a_minute_does_not_age_while_a_pause_is_waited_for():
    """It was counted before the pause and used after it: 116 in a minute of 100."""
    clock = FakeTime()
    gate = budget(clock, Limit(2, SECOND, per_endpoint=True), Limit(20, 60 * SECOND))
    sent = []

    def sleep(seconds):
        # Another thread is asked to pause while this one waits for the endpoint's second.
        if seconds < 2 and len(sent) % 7 == 3:
            gate.pause(20)
        clock.sleep(seconds)

    gate.sleep = sleep
    for _ in range(60):
        gate.grant("/a")
        sent.append(clock())

    assert most_in_any(60 * SECOND, sent) <= 20


def test_a_permit_that_cannot_be_used_for_another_limit_is_given_back():
    clock = FakeTime()
    gate = budget(clock, Limit(1, SECOND, per_endpoint=True), Limit(3, 60 * SECOND))

    gate.grant("/a")
    gate.grant("/a")
    gate.grant("/b")

    assert clock() < 1_000_000 + 2


def test_the_sending_is_prepared_before_each_attempt_and_nothing_is_waited_for_after_the_last():
    clock = FakeTime()
    gate = budget(clock, Limit(1, SECOND))
    prepared = []

    for _ in range(2):
        gate.grant("/a", ready=lambda: prepared.append(clock()))

    assert prepared == [1_000_000.0, 1_000_000.0, clock()]


def test_the_time_to_prepare_the_sending_does_not_lengthen_the_periods():
    """A server that closes idle connections takes a handshake for each request."""
    clock = FakeTime()
    gate = budget(clock, Limit(1, SECOND))

    def handshake():
        clock.now += 0.1

    for _ in range(21):
        gate.grant("/a", ready=handshake)

    assert clock() - 1_000_000 < 0.1 + 20 * 1.05
