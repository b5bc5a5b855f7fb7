"""A task that is told to end: by its timeout, by SIGTERM, by the keyboard; in every state it can be in."""

from __future__ import annotations

import json
import os
import signal
import threading
import time

import pytest
import requests
from airflow.sdk.execution_time.timeout import TimeoutPosix

from airflow_provider_convexport.errors import VendorUnavailableError
from airflow_provider_convexport.export.dataset.store import Store
from airflow_provider_convexport.export.fetch.budget import Budget
from airflow_provider_convexport.export.fetch.client import Client
from airflow_provider_convexport.export.fetch.limit import Limit
from airflow_provider_convexport.export.fetch.request import PageRequest
from airflow_provider_convexport.export.fetch.retry import RetryPolicy
from airflow_provider_convexport.export.fetch.stream import Query
from airflow_provider_convexport.export.job import Job, TaskTry
from airflow_provider_convexport.export.run import Export
from airflow_provider_convexport.export.stage.tuning import Tuning
from tests.support.exceptions import TaskTimeout
from tests.support.fake_vendor import FakeVendor
from tests.support.samples import APRIL_1, DAY, HOUR, days, stream
from tests.support.tiny_server import Answer

START = APRIL_1.timestamp()
RECORDS = [(str(number), START + number * 4 * 3600) for number in range(30)]
GOOD = 6
"""Number of requests that are answered before there is trouble."""
STAGED = 4
"""Number of pages of the first day, which are staged with a checkpoint before there is trouble."""
SECONDS = 5.0
"""Longest time to end in; Airflow kills a task five seconds after SIGTERM."""


def page(target):
    vendor = FakeVendor(RECORDS, is_relative=True)
    return Answer(body=json.dumps(vendor._answer(PageRequest(target))).encode())


class Stuck:
    """A counter of a limit that is reached after the good requests, for a minute and a half."""

    def __init__(self, reached):
        self.taken, self.reached = 0, reached

    last = None

    def take(self):
        self.taken += 1
        if self.taken <= GOOD:
            return 0.0
        self.reached.set()
        return 90.0

    def age(self):
        return 0.0


class Scene:
    """An export whose vendor, budget or store makes it wait once some pages were staged."""

    def __init__(self, state, store, server, monkeypatch):
        self.state, self.store, self.server = state, store, server
        self.reached, self.freed = threading.Event(), threading.Event()
        server.fallback = self.answer
        if state == "upload":
            self.block_uploads(monkeypatch)

    def answer(self, asked):
        trouble = {
            "pause": Answer(429, headers={"Retry-After": "100"}),
            "backoff": Answer(503),
            "body": Answer(body=b"[" * 1000, drip="body"),
            "head": Answer(drip="head"),
            "silence": Answer(silent=True),
        }.get(self.state)
        if trouble is None or len(self.server.asked) <= GOOD:
            return page(asked.target)
        self.reached.set()
        return trouble

    def block_uploads(self, monkeypatch):
        put, puts = Store.put, []

        def blocked(store, name, content):
            puts.append(name)
            if len(puts) > 2 * GOOD:
                self.reached.set()
                self.freed.wait(30)
            put(store, name, content)

        monkeypatch.setattr(Store, "put", blocked)

    def export(self, concurrency):
        limits = (Limit(1_000, DAY),) if self.state == "budget" else ()
        client = Client(
            "Acme",
            self.server.url,
            requests.Session,
            Budget("acme", limits, counter=lambda name, of: Stuck(self.reached)),
            retry=RetryPolicy(base_delay=60.0),
        )
        query = Query(stream(request_window=DAY), page_size=2)
        job = Job(query, days(5), compression="none", concurrency=concurrency, task=TaskTry(run_id="r"))
        try:
            return Export(job, client, self.store, tuning=Tuning(flush_seconds=0)).run()
        finally:
            for channel in client._channels._all:
                channel.session.close()


def told_by(how):
    """Return a function that tells this process to end, and what is raised then."""
    if how == "SIGTERM":
        return lambda: os.kill(os.getpid(), signal.SIGTERM), SystemExit
    if how == "the keyboard":
        return lambda: os.kill(os.getpid(), signal.SIGINT), KeyboardInterrupt
    return lambda: os.kill(os.getpid(), signal.SIGALRM), TaskTimeout


@pytest.fixture
def handlers():
    def terminated(number, frame):
        raise SystemExit

    old = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, terminated),
        signal.SIGALRM: signal.signal(signal.SIGALRM, TimeoutPosix().handle_timeout),
        signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
    }
    yield
    for number, handler in old.items():
        signal.signal(number, handler)


def published(store):
    names = [name for name in store.find("") if name.endswith("_manifest.json")]
    files = [
        f"{name.rpartition('/')[0]}/{file['name']}"
        for name in names
        for file in json.loads(store.get(name))["files"]
    ]
    lines = [line for file in files for line in store.get(file).splitlines()]
    return sorted((json.loads(line)["id"] for line in lines), key=int)


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize(
    "how",
    [
        "SIGTERM",
        pytest.param("its timeout", marks=pytest.mark.slow),
        pytest.param("the keyboard", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("state", ["budget", "pause", "backoff", "body", "head", "silence", "upload"])
def test_it_ends_within_seconds_and_the_next_try_continues(
    server, memory, monkeypatch, state, how, concurrency
):
    scene = Scene(state, memory, server, monkeypatch)
    tell, raised = told_by(how)
    told_at = []

    def tell_once_it_waits():
        assert scene.reached.wait(20)
        time.sleep(0.3)
        told_at.append(time.monotonic())
        tell()

    before = set(threading.enumerate())
    teller = threading.Thread(target=tell_once_it_waits)
    teller.start()
    with pytest.raises(raised):
        scene.export(concurrency)
    seconds = time.monotonic() - told_at[0]
    teller.join()
    new = set(threading.enumerate()) - before
    alive = [each.name for each in new if each.name.startswith("convexport")]
    first = len(server.asked)
    scene.freed.set()
    server.fallback = lambda asked: page(asked.target)
    scene.state = ""

    scene.export(concurrency)

    assert seconds < SECONDS
    assert alive == [] or state == "upload"
    assert published(memory) == [identity for identity, _ in RECORDS]
    assert not set(server.targets[:STAGED]) & set(server.targets[first:]), "no checkpoint was used"


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("how", ["its timeout", "SIGTERM", "the keyboard"])
def test_it_ends_while_it_publishes_and_the_next_try_publishes_the_same(server, memory, monkeypatch, how):
    scene = Scene("", memory, server, monkeypatch)
    tell, raised = told_by(how)
    uploaded, told_at = Store.put_file, []

    def blocked(store, name, source):
        monkeypatch.setattr(Store, "put_file", uploaded)
        told_at.append(time.monotonic())
        threading.Timer(0.3, tell).start()
        scene.freed.wait(30)

    monkeypatch.setattr(Store, "put_file", blocked)
    with pytest.raises(raised):
        scene.export(3)
    seconds = time.monotonic() - told_at[0]
    first = len(server.asked)

    scene.export(3)

    assert seconds < SECONDS
    assert len(server.asked) == first
    assert published(memory) == [identity for identity, _ in RECORDS]


@pytest.mark.parametrize("drip", ["head", "body"])
def test_an_answer_that_arrives_byte_by_byte_ends_at_its_deadline(server, drip):
    server.fallback = lambda asked: Answer(body=b"[" * 1000, drip=drip)
    client = Client(
        "Acme",
        server.url,
        requests.Session,
        Budget("acme", ()),
        timeout=(0.2, 0.2),
        deadline=0.5,
        retry=RetryPolicy(max_tries=2, base_delay=0.0),
    )
    start = time.monotonic()

    with pytest.raises(VendorUnavailableError) as caught:
        client.fetch(PageRequest(f"{server.url}/export"), json.loads)

    assert time.monotonic() - start < SECONDS
    assert len(server.asked) == 2
    assert "an answer that was not complete after 0.5 s" in str(caught.value)
    client._channels.opened.session.close()


def test_the_wait_for_a_permit_does_not_count_towards_the_deadline(server):
    server.fallback = lambda asked: Answer(body=b"[]")
    waits = [0.8, 0.0]

    class Slow:
        last = None

        def take(self):
            return waits.pop(0)

        def age(self):
            return 0.0

    client = Client(
        "Acme",
        server.url,
        requests.Session,
        Budget("acme", (Limit(1, HOUR),), counter=lambda name, of: Slow()),
        timeout=(0.2, 0.2),
        deadline=0.5,
    )

    assert client.fetch(PageRequest(f"{server.url}/export"), json.loads) == []
    client._channels.opened.session.close()
