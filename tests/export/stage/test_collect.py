from __future__ import annotations

import gc
import json
import threading
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from airflow_provider_convexport.errors import VendorRejectedError, VendorUnavailableError
from airflow_provider_convexport.export.dataset.store import Store
from airflow_provider_convexport.export.fetch.budget import Budget
from airflow_provider_convexport.export.fetch.client import Client
from airflow_provider_convexport.export.fetch.page import Page
from airflow_provider_convexport.export.fetch.stream import Query
from airflow_provider_convexport.export.fetch.usage import Usage
from airflow_provider_convexport.export.job import Job, TaskTry
from airflow_provider_convexport.export.run import Export
from airflow_provider_convexport.export.stage.attempt import Attempt
from airflow_provider_convexport.export.stage.partitioner import Partitioner
from airflow_provider_convexport.export.stage.tuning import Tuning
from tests.support.samples import APRIL_1, DAY, days, query, stream


class Vendor(Client):
    """A vendor that holds ``records`` (id, epoch seconds) and answers a few at a time."""

    def __init__(self, records, *, page=3, trouble=None):
        super().__init__("Acme", "https://acme.example", lambda: None, Budget("acme", ()))
        self.records = records
        self.page = page
        self.trouble = trouble or (lambda asked, params: None)
        self.asked = 0
        self.lock = threading.Lock()

    def fetch(self, request, decode):
        url = request.url
        from airflow_provider_convexport.hooks.base import window_between  # noqa: PLC0415

        params = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        with self.lock:
            self.asked += 1
            self._count(Usage(requests=1))
            asked = self.asked
        self.trouble(asked, params)
        window = window_between(params["created_from"], params["created_to"])
        inside = [one for one in self.records if window.start.timestamp() <= one[1] <= window.end.timestamp()]
        begin = int(params.get("cursor", 0))
        link = (
            f"{url.split('&cursor=')[0]}&cursor={begin + self.page}"
            if begin + self.page < len(inside)
            else None
        )
        page = [{"id": identity, "at": at} for identity, at in inside[begin : begin + self.page]]
        return decode(json.dumps({"list": page, "next": link}).encode())


RECORDS = [(str(number), APRIL_1.timestamp() + number * 6 * 3600) for number in range(-2, 30)]
WANTED = [identity for identity, at in RECORDS if 0 <= at - APRIL_1.timestamp() < 5 * 86_400]
AT_ONCE = Tuning(flush_seconds=0)
WEEK = Query(stream(request_window=2 * DAY))


def export(store, vendor, *, run_id="r", **changes):
    tuning = changes.pop("tuning", Tuning())
    job = Job(changes.pop("query", WEEK), days(5), compression="none", task=TaskTry(run_id=run_id), **changes)
    return Export(job, vendor, store, tuning=tuning).run()


def published(store):
    manifests = [json.loads(store.get(name)) for name in store.find("") if name.endswith("_manifest.json")]
    folders = {f"dt={one['partition']['start'][:10]}": one for one in manifests}
    return [
        json.loads(line)["id"]
        for folder, manifest in sorted(folders.items())
        for file in manifest["files"]
        for line in store.get(f"{folder}/{file['name']}").splitlines()
    ]


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("page", [1, 3, 100])
def test_every_record_of_the_interval_is_published_once(store, concurrency, page):
    outcome = export(store, Vendor(RECORDS, page=page), concurrency=concurrency)

    assert sorted(published(store)) == sorted(WANTED)
    assert outcome.records == len(WANTED)
    assert store.find("_staging") == []


def test_staged_ids_are_not_read_back_though_most_of_them_were_forgotten(memory, monkeypatch):
    monkeypatch.setattr(Export, "_ids_of", lambda self, segment: pytest.fail("an id is read back"))
    repeats = []
    take = Partitioner.take
    monkeypatch.setattr(Partitioner, "take", lambda *args: repeats.extend(args[1].ids) or take(*args))

    export(memory, Vendor(RECORDS), concurrency=1, tuning=Tuning(flush_seconds=0, remembered_ids=1))

    assert len(repeats) > len(set(repeats))
    assert sorted(published(memory)) == sorted(WANTED)


@pytest.mark.parametrize("concurrency", [1, 3])
def test_pages_are_fetched_while_the_store_is_slow_but_not_without_bounds(memory, monkeypatch, concurrency):
    """Every page is staged with a checkpoint, and the store writes no segment before the vendor waits."""
    put, slow, asked, several = Store.put, threading.Event(), [], threading.Event()

    def wait(self, name, content):
        if "segments-" in name:
            slow.wait()
        put(self, name, content)

    def trouble(number, params):
        asked.append(number)
        if number == 3:
            several.set()

    monkeypatch.setattr(Store, "put", wait)
    thread = threading.Thread(
        target=export,
        args=(memory, Vendor(RECORDS, page=1, trouble=trouble)),
        kwargs={"concurrency": concurrency, "tuning": AT_ONCE},
    )
    thread.start()
    was_reached = several.wait(10)
    time.sleep(0.05)
    during = len(asked)
    slow.set()
    thread.join()

    assert was_reached
    assert during <= 7 + concurrency
    assert len(asked) > 20
    assert sorted(published(memory)) == sorted(WANTED)


def test_no_page_is_held_while_the_next_one_is_fetched(memory):
    held = []

    def trouble(asked, params):
        held.append(sum(type(each) is Page for each in gc.get_objects()))

    export(memory, Vendor(RECORDS, trouble=trouble), concurrency=1)

    assert len(held) > 5
    assert set(held) == {held[0]}


@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize("fails_at", [1, 2, 4, 7])
def test_a_retry_goes_on_where_the_last_try_stopped(store, concurrency, fails_at):
    def trouble(asked, params):
        if asked == fails_at:
            raise VendorUnavailableError(endpoint="Acme /export", problem="status 502", tries=9)

    vendor = Vendor(RECORDS, trouble=trouble)
    with pytest.raises(VendorUnavailableError):
        export(store, vendor, concurrency=concurrency)
    assert published(store) == []

    export(store, Vendor(RECORDS), concurrency=concurrency)

    assert sorted(published(store)) == sorted(WANTED)
    assert store.find("_staging") == []


@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize("fails_at", range(1, 9))
def test_a_store_that_fails_once_loses_and_doubles_nothing(memory, monkeypatch, concurrency, fails_at):
    """Every page is staged at once here; whichever write fails, the next try publishes everything once."""
    put, puts = Store.put, []

    def fail_once(self, name, content):
        puts.append(name)
        if len(puts) == fails_at:
            raise OSError("the store is away")
        put(self, name, content)

    monkeypatch.setattr(Store, "put", fail_once)
    with pytest.raises(OSError, match="the store is away"):
        export(memory, Vendor(RECORDS), concurrency=concurrency, tuning=AT_ONCE)

    export(memory, Vendor(RECORDS), concurrency=concurrency, tuning=AT_ONCE)

    assert sorted(published(memory)) == sorted(WANTED)
    assert memory.find("_staging") == []


@pytest.mark.parametrize(
    "place", ["SegmentWriter._write", "SegmentWriter.add", "SegmentWriter.finish", "SegmentWriter._keep"]
)
def test_a_signal_in_the_middle_of_keeping_a_page_loses_and_doubles_nothing(memory, monkeypatch, place):
    """Airflow raises a task's timeout wherever the main thread happens to be."""
    from airflow_provider_convexport.export.stage import segment  # noqa: PLC0415

    method = place.split(".")[1]
    real, calls = getattr(segment.SegmentWriter, method), []

    def interrupted(self, *args, **kwargs):
        result = real(self, *args, **kwargs)
        calls.append(method)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(segment.SegmentWriter, method, interrupted)
    with pytest.raises(KeyboardInterrupt):
        export(memory, Vendor(RECORDS), concurrency=1, tuning=AT_ONCE)
    monkeypatch.undo()

    export(memory, Vendor(RECORDS), concurrency=1)

    assert sorted(published(memory)) == sorted(WANTED)


@pytest.mark.parametrize("status", [400, 404, 410, 422])
def test_a_refused_cursor_costs_the_windows_restart_and_not_the_run(store, status):
    refused = []

    def trouble(asked, params):
        if params.get("cursor") == "6" and not refused:
            refused.append(asked)
            raise VendorRejectedError(endpoint="Acme /export", status=status, request_id=None, advice="")

    export(store, Vendor(RECORDS, trouble=trouble), concurrency=1)

    assert refused
    assert sorted(published(store)) == sorted(WANTED)


@pytest.mark.parametrize(("status", "on_cursor"), [(400, False), (404, False), (401, True), (403, True)])
def test_a_refusal_of_a_first_page_or_of_the_key_is_final(store, status, on_cursor):
    def trouble(asked, params):
        if ("cursor" in params) == on_cursor:
            raise VendorRejectedError(endpoint="Acme /export", status=status, request_id=None, advice="")

    vendor = Vendor(RECORDS, trouble=trouble)
    with pytest.raises(VendorRejectedError):
        export(store, vendor, concurrency=1)
    assert vendor.asked == 1 + on_cursor


def test_a_cursor_that_is_always_refused_ends_the_run(store):
    def trouble(asked, params):
        if "cursor" in params:
            raise VendorRejectedError(endpoint="Acme /export", status=410, request_id=None, advice="")

    vendor = Vendor(RECORDS, trouble=trouble)
    with pytest.raises(VendorRejectedError):
        export(store, vendor, concurrency=1)
    assert vendor.asked == 8


def test_another_datasets_partition_is_refused_before_any_request(store):
    export(store, Vendor(RECORDS))
    vendor = Vendor(RECORDS)

    with pytest.raises(ValueError, match="give each kind of export a destination of its own"):
        export(store, vendor, query=query(window_on="updated"))
    assert vendor.asked == 0
    assert store.find("_staging") == []


def test_an_empty_interval_gets_its_manifests(store):
    outcome = export(store, Vendor([]))

    assert len(outcome.written) == 5
    assert published(store) == []


def test_running_again_replaces_the_partitions(store):
    export(store, Vendor(RECORDS))
    export(store, Vendor(RECORDS[:10]), run_id="again")

    assert sorted(published(store)) == sorted(set(WANTED) & {identity for identity, _ in RECORDS[:10]})
    assert len([name for name in store.find("") if "/part-" in name]) == 2


def test_a_finished_plan_of_a_killed_try_is_carried_out_without_another_request(store, monkeypatch):
    def die(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Attempt, "finish", die)
    with pytest.raises(KeyboardInterrupt):
        export(store, Vendor(RECORDS))
    monkeypatch.undo()
    vendor = Vendor([])

    export(store, vendor)

    assert vendor.asked == 0
    assert sorted(published(store)) == sorted(WANTED)
    assert store.find("_staging") == []
