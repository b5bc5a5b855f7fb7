from __future__ import annotations

import json
from datetime import timedelta

import pytest

from airflow_provider_convexport.errors import (
    ConfigurationError,
    IncompleteExportError,
    RateLimitedError,
    SupersededError,
    VendorUnavailableError,
)
from airflow_provider_convexport.export.dataset.identity import DATASET, read_dataset
from airflow_provider_convexport.export.dataset.manifest import read_manifest
from airflow_provider_convexport.export.dataset.store import Store
from airflow_provider_convexport.export.fetch.finding_storage import MemoryFindings
from airflow_provider_convexport.export.fetch.stream import Query
from airflow_provider_convexport.export.fetch.window_probe import Finding
from airflow_provider_convexport.export.fetch.window_reading import WindowReading
from airflow_provider_convexport.export.job import Job, TaskTry
from airflow_provider_convexport.export.run import Export
from airflow_provider_convexport.export.stage.attempt import Attempt
from airflow_provider_convexport.export.stage.tuning import Tuning
from airflow_provider_convexport.export.window import Window
from tests.support.fake_vendor import FakeVendor
from tests.support.samples import APRIL_1, DAY, HOUR, days, query, stream

START = APRIL_1.timestamp()
NOW = START + 30 * 86_400
RECORDS = [(str(number), START + number * 6 * 3600) for number in range(-2, 14)]
DAYS = {
    "dt=2026-04-01": ["0", "1", "2", "3"],
    "dt=2026-04-02": ["4", "5", "6", "7"],
    "dt=2026-04-03": ["8", "9", "10", "11"],
}
NOTHING = {folder: [] for folder in DAYS}
EACH_PAGE = Tuning(flush_seconds=0)
"""Every page is staged at once, and a checkpoint saved."""


def job_of(**changes):
    facts = {
        "query": query(page_size=2),
        "interval": days(3),
        "compression": "none",
        "concurrency": 1,
        "task": TaskTry("dag", "task", "manual__1"),
    }
    return Job(**facts | changes)


def export(store, vendor, *, now=NOW, tuning=EACH_PAGE, **changes):
    return Export(job_of(**changes), vendor, store, tuning=tuning, now=lambda: now).run()


def published(store):
    """Return the ids in every partition, read through its manifest."""
    found = {}
    for name in store.find(""):
        folder, _, last = name.rpartition("/")
        if last == "_manifest.json":
            files = [f"{folder}/{file['name']}" for file in json.loads(store.get(name))["files"]]
            lines = [line for file in files for line in store.get(file).splitlines()]
            found[folder] = [json.loads(line)["id"] for line in lines]
    return found


def staged(store):
    return [name.rpartition("/")[2].split("-")[0] for name in store.find("_staging")]


def fail_at(number):
    def trouble(asked):
        if asked == number:
            raise VendorUnavailableError(endpoint="Acme /export", problem="status 502", tries=9)

    return trouble


def interrupted(store, vendor=None, **changes):
    """Let a try fail at its fourth request, with three pages staged."""
    with pytest.raises(VendorUnavailableError):
        export(store, vendor or FakeVendor(RECORDS, trouble=fail_at(4)), **changes)


def ask_for_a_pause(seconds):
    def trouble(asked):
        raise RateLimitedError(endpoint="Acme /export", retry_after=timedelta(seconds=seconds))

    return trouble


@pytest.fixture
def steps(monkeypatch, memory):
    """What is asked of the store and the vendor, in order; names without what differs from run to run."""
    seen = []

    def watch(method):
        real = getattr(Store, method)

        def watched(self, name, *args):
            seen.append(
                f"{method.removesuffix('_versioned')} {name.rpartition('/')[2].split('-')[0].split('.')[0]}"
            )
            return real(self, name, *args)

        monkeypatch.setattr(Store, method, watched)

    for method in ("get_versioned", "put", "put_file"):
        watch(method)
    return seen


class TestOrder:
    def test_the_destination_is_looked_at_first_and_each_partition_appears_with_its_manifest(
        self, memory, steps
    ):
        vendor = FakeVendor(RECORDS, trouble=lambda asked: steps.append(f"ask {asked}"))

        export(memory, vendor, query=query(page_size=100), interval=days(2), tuning=Tuning(store_threads=1))

        steps = [step for step in steps if step != "get lease"]
        assert steps == [
            "get _dataset",
            "put lease",
            *["get _dataset", "put _dataset"],  # compares and writes
            "ask 1",
            "put segments",
            "put plan",
            *["put_file part", "get _manifest", "put _manifest"] * 2,
        ]

    def test_the_right_to_go_on_is_checked_after_each_save_and_before_each_manifest(self, memory, steps):
        export(
            memory,
            FakeVendor(RECORDS),
            query=query(page_size=1),
            interval=days(1),
            tuning=Tuning(flush_seconds=0.0),
        )

        for step in ("put checkpoint", "put _manifest"):
            assert "get lease" in steps[steps.index(step) - 3 : steps.index(step)]
        assert steps[steps.index("put plan") + 1] == "get lease"


class TestDestination:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"compression": "zip"}, r"^compression='zip' is not one of \['gzip', 'zstd', 'none'\]\.$"),
            ({"partition_by": "week"}, r"^partition_by='week' is not one of"),
            ({"query": query(window_on="updated")}, "give each kind of export a destination of its own"),
        ],
    )
    def test_what_cannot_be_published_is_refused_before_the_first_request(self, store, changes, message):
        export(store, FakeVendor(RECORDS))
        before = store.find("")
        vendor = FakeVendor(RECORDS)

        with pytest.raises(ConfigurationError, match=message):
            export(store, vendor, **changes)

        assert vendor.requests == []
        assert store.find("") == before

    def test_a_part_of_a_partition_is_refused_before_the_first_request(self, store):
        export(store, FakeVendor(RECORDS), partition_by="interval")
        vendor = FakeVendor(RECORDS)

        with pytest.raises(ConfigurationError, match="give each schedule and time zone"):
            export(store, vendor, interval=days(1), partition_by="interval")

        assert vendor.requests == []

    def test_something_else_in_any_of_the_partitions_is_refused_before_the_first_request(self, store):
        store.put("dt=2026-04-03/_manifest.json", b"{}")
        vendor = FakeVendor(RECORDS)

        with pytest.raises(ConfigurationError, match=r"dt=2026-04-03/_manifest.json is not a manifest"):
            export(store, vendor)

        assert vendor.requests == []
        assert read_dataset(store) is None

    def test_partitions_that_the_vendor_no_longer_keeps_are_neither_looked_at_nor_written(self, store):
        store.put("dt=2026-04-01/_manifest.json", b"{}")

        outcome = export(store, FakeVendor(RECORDS), kept_from=APRIL_1 + DAY)

        assert [each.key for each in outcome.written] == ["2026-04-02", "2026-04-03"]
        assert store.get("dt=2026-04-01/_manifest.json") == b"{}"


class TestDataset:
    """What a destination holds is known before anything is published, and for days that are not there yet."""

    NEXT_DAYS = days(3, start=APRIL_1 + 3 * DAY)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"partition_by": "hour"}, "partition_by='day', and this task exports partition_by='hour'"),
            (
                {"partition_by": "interval"},
                "partition_by='day', and this task exports partition_by='interval'",
            ),
            (
                {"query": query(window_on="updated")},
                "window_on='created', and this task exports window_on='upd",
            ),
            (
                {"query": query(filters={"agent": "a"})},
                "filters={}, and this task exports filters={'agent': 'a'}",
            ),
            ({"query": query(scope={"bot": "b"})}, r"scope=(), and this task exports scope=('bot',)"),
            ({"query": query(account="other")}, "account='', and this task exports account='other'"),
            (
                {"query": Query(stream(name="messages"))},
                "stream='conversations', and this task exports stream='messages'",
            ),
            ({"query": Query(stream(vendor="other"))}, "vendor='acme', and this task exports vendor='other'"),
            (
                {
                    "partition_timezone": "Europe/Berlin",
                    "interval": Window(APRIL_1 + 3 * DAY - 2 * HOUR, APRIL_1 + 4 * DAY - 2 * HOUR),
                },
                "partition_timezone='UTC', and this task exports partition_timezone='Europe/Berlin'",
            ),
        ],
    )
    def test_another_kind_of_export_is_refused_before_the_first_request(self, store, changes, message):
        export(store, FakeVendor(RECORDS))
        before = {name: store.get(name) for name in store.find("")}
        vendor = FakeVendor(RECORDS)

        with pytest.raises(ConfigurationError) as caught:
            export(store, vendor, **{"interval": self.NEXT_DAYS} | changes)

        assert str(caught.value).startswith(f"{store.url} holds a dataset with {message}")
        assert str(caught.value).endswith("; give each kind of export a destination of its own.")
        assert vendor.requests == []
        assert {name: store.get(name) for name in store.find("")} == before

    def test_it_is_known_even_if_the_first_run_publishes_nothing(self, store):
        interrupted(store)

        with pytest.raises(ConfigurationError, match="holds a dataset with partition_by='day'"):
            export(store, FakeVendor(RECORDS), partition_by="hour", interval=self.NEXT_DAYS)

    def test_another_shop_or_bot_has_a_folder_of_its_own_in_it(self, store):
        for bot in ("a", "b"):
            export(store, FakeVendor(RECORDS), query=query(scope={"bot": bot}))

        assert published(store) == {
            f"bot={bot}/{day}": ids for bot in ("a", "b") for day, ids in DAYS.items()
        }
        assert read_dataset(store).scope == ("bot",)

    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"interval": NEXT_DAYS},
            {"compression": "gzip", "concurrency": 2, "target_file_bytes": 1, "skip_unchanged": True},
            {"query": query(page_size=7, request_window=HOUR)},
        ],
    )
    def test_a_later_run_of_the_same_kind_reads_it_once_and_does_not_write_it(self, memory, steps, changes):
        export(memory, FakeVendor(RECORDS))
        steps.clear()

        export(memory, FakeVendor(RECORDS), **changes)

        assert steps.count("get _dataset") == 1
        assert "put _dataset" not in steps

    def test_the_zone_of_days_makes_no_difference_without_days(self, store):
        for zone in ("UTC", "Europe/Berlin"):
            export(store, FakeVendor(RECORDS), partition_by="interval", partition_timezone=zone)

        assert read_dataset(store).partition_timezone == "UTC"

    @pytest.mark.parametrize("partition_by", ["day", "interval"])
    def test_of_two_first_runs_at_one_moment_only_runs_of_one_kind_go_on(
        self, store, monkeypatch, partition_by
    ):
        """The other run creates the description after this one has seen that there is none."""
        replace = Store.replace

        def overtaken(self, *args):
            monkeypatch.undo()
            other = TaskTry("dag", "other", "manual__1")
            export(store, FakeVendor(RECORDS), partition_by=partition_by, task=other)
            return replace(self, *args)

        monkeypatch.setattr(Store, "replace", overtaken)
        vendor = FakeVendor(RECORDS)
        if partition_by == "day":
            export(store, vendor)
            assert published(store) == DAYS
        else:
            with pytest.raises(ConfigurationError, match="holds a dataset with partition_by='interval'"):
                export(store, vendor)
            assert vendor.requests == []
        assert staged(store) == []
        assert read_dataset(store).partition_by == partition_by

    def test_a_destination_of_an_earlier_version_is_described_by_the_next_run(self, store):
        export(store, FakeVendor(RECORDS))
        store.delete([DATASET])

        export(store, FakeVendor(RECORDS), query=query(account="acme.example"))

        assert read_dataset(store).account == "acme.example"
        manifest = read_manifest(store, "dt=2026-04-01")
        assert (manifest.account, manifest.records) == ("acme.example", 4)

    def test_a_destination_of_an_earlier_version_with_other_partitions_is_not_described(self, store):
        export(store, FakeVendor(RECORDS))
        store.delete([DATASET])
        vendor = FakeVendor(RECORDS)

        with pytest.raises(ConfigurationError, match="holds a partition with window_on='created'"):
            export(store, vendor, query=query(window_on="updated"))

        assert vendor.requests == []
        assert read_dataset(store) is None

    def test_something_else_under_its_name_is_refused_before_the_first_request(self, store):
        store.put(DATASET, b"{}")
        vendor = FakeVendor(RECORDS)

        with pytest.raises(ConfigurationError, match="is not a description of a dataset of this package"):
            export(store, vendor)

        assert (vendor.requests, store.find("")) == ([], [DATASET])


class TestOutcome:
    def test_every_partition_is_told_with_its_key_and_manifest(self, memory):
        outcome = export(memory, FakeVendor(RECORDS))

        assert published(memory) == DAYS
        assert [(each.key, each.url, each.manifest.records) for each in outcome.written] == [
            ("2026-04-01", "memory://data/set/dt=2026-04-01/_manifest.json", 4),
            ("2026-04-02", "memory://data/set/dt=2026-04-02/_manifest.json", 4),
            ("2026-04-03", "memory://data/set/dt=2026-04-03/_manifest.json", 4),
        ]
        assert (outcome.records, outcome.files, outcome.unchanged) == (12, 3, 0)

    def test_nothing_is_left_of_the_work(self, store):
        export(store, FakeVendor(RECORDS))

        assert staged(store) == []

    def test_partitions_that_were_left_alone_are_counted(self, store):
        export(store, FakeVendor(RECORDS))
        changed = [*RECORDS, ("late", START + 86_400)]
        task = TaskTry("dag", "task", "manual__2")

        outcome = export(store, FakeVendor(changed), skip_unchanged=True, task=task)

        assert [each.key for each in outcome.written] == ["2026-04-02"]
        assert (outcome.unchanged, outcome.records) == (2, 5)

    def test_the_usage_of_all_tries_is_told(self, store):
        interrupted(store)
        outcome = export(store, FakeVendor(RECORDS))

        # Seven pages; the last one of the first try was asked for twice.
        assert (outcome.plan.usage.requests, outcome.plan.usage.pages) == (8, 7)


class TestPlan:
    @pytest.fixture
    def planned(self, store, monkeypatch):
        """A try that died with its plan saved and nothing published."""

        def die(self, plan, *, commit):
            save_plan(self, plan, commit=commit)
            raise KeyboardInterrupt

        save_plan = Attempt.save_plan
        with monkeypatch.context() as patch:
            patch.setattr(Attempt, "save_plan", die)
            with pytest.raises(KeyboardInterrupt):
                export(store, FakeVendor(RECORDS))
        assert published(store) == {}
        return store

    def test_an_earlier_tries_plan_is_carried_out_without_a_request(self, planned):
        vendor = FakeVendor([])

        outcome = export(planned, vendor)

        assert vendor.requests == []
        assert published(planned) == DAYS
        assert outcome.records == 12
        assert staged(planned) == []

    def test_a_plan_that_is_as_old_as_may_be_is_carried_out(self, planned):
        vendor = FakeVendor([])

        export(planned, vendor, now=NOW + 3600, checkpoint_max_age=HOUR)

        assert (len(vendor.requests), published(planned)) == (0, DAYS)

    def test_a_plan_that_is_older_is_not(self, planned):
        vendor = FakeVendor([])

        export(planned, vendor, now=NOW + 3601, checkpoint_max_age=HOUR)

        assert (len(vendor.requests), published(planned)) == (1, NOTHING)
        assert staged(planned) == []

    @pytest.mark.parametrize(
        "changes", [{"target_file_bytes": 1}, {"query": query(page_size=3)}, {"compression": "gzip"}]
    )
    def test_the_plan_of_a_job_with_other_arguments_is_not(self, planned, changes):
        vendor = FakeVendor([])

        outcome = export(planned, vendor, **changes)

        assert (len(vendor.requests), outcome.records) == (1, 0)
        assert staged(planned) == []

    def test_each_repeat_that_is_found_at_the_end_is_counted_also_if_a_whole_page_consists_of_them(
        self, store
    ):
        tuning = Tuning(flush_seconds=0, remembered_ids=2)
        repeats = [RECORDS[2], *RECORDS[2:7]]

        outcome = export(store, FakeVendor([*RECORDS, *repeats]), tuning=tuning)

        assert published(store) == DAYS
        runs = [read_manifest(store, folder).run for folder in DAYS]
        assert [run.duplicates for run in runs] == [len(repeats)] * 3
        assert (outcome.plan.counts.records, outcome.plan.counts.duplicates) == (12, len(repeats))


class TestCheckpoint:
    def test_a_later_try_continues_after_the_last_page_that_was_kept(self, store):
        interrupted(store)
        vendor = FakeVendor(RECORDS)

        export(store, vendor)

        assert published(store) == DAYS
        assert [request.parameter("position") for request in vendor.requests] == ["6", "8", "10", "12"]

    def test_a_checkpoint_with_old_cursors_lets_its_windows_begin_again(self, store):
        interrupted(store)
        vendor = FakeVendor(RECORDS)

        export(store, vendor, now=NOW + 3601)

        assert published(store) == DAYS
        assert vendor.requests[0].parameter("position") is None

    def test_a_checkpoint_that_is_too_old_is_not_used(self, store):
        """Nothing of the first try is published: its records may have changed since."""
        interrupted(store)
        vendor = FakeVendor([])

        export(store, vendor, now=NOW + 7201, checkpoint_max_age=2 * HOUR)

        assert published(store) == NOTHING
        assert len(vendor.requests) == 1
        assert staged(store) == []

    def test_a_checkpoint_that_is_as_old_as_may_be_is_used(self, store):
        interrupted(store)

        export(store, FakeVendor([]), now=NOW + 7200, checkpoint_max_age=2 * HOUR)

        assert published(store) != NOTHING


class TestLostObject:
    SENTENCE = (
        "A staged object under {} has disappeared; nothing was published from it, and the next try exports "
        "the interval from its beginning."
    )

    def lose_segments(self, store):
        store.delete([name for name in store.find("_staging") if "/segments-" in name])

    def test_if_a_staged_object_has_disappeared_the_export_starts_again(self, store, caplog):
        interrupted(store)
        self.lose_segments(store)
        vendor = FakeVendor(RECORDS)

        export(store, vendor)

        assert f"A staged object under {store.url_of('_staging')} has disappeared" in caplog.text
        assert published(store) == DAYS
        assert staged(store) == []
        assert [request.parameter("position") for request in vendor.requests].count(None) == 1

    def test_if_objects_disappear_again_that_is_told_and_nothing_is_published(self, store, monkeypatch):
        def vanish(self, name, start, end):
            raise FileNotFoundError(name)

        monkeypatch.setattr(Store, "get_range", vanish)
        with pytest.raises(IncompleteExportError) as caught:
            export(store, FakeVendor(RECORDS))

        assert str(caught.value) == self.SENTENCE.format(store.url_of("_staging"))
        assert isinstance(caught.value.__cause__, FileNotFoundError)
        assert published(store) == {}
        assert staged(store) == []

    def test_if_a_newer_try_took_it_away_that_is_told_instead(self, store, monkeypatch):
        interrupted(store)
        job, get_range = job_of(), Store.get_range

        def overtaken(self_, name, start, end):
            monkeypatch.undo()
            newer = Attempt.begin(store, task=job.task_key, fingerprint=job.fingerprint, order=3)
            self.lose_segments(store)
            newer.finish()
            return get_range(self_, name, start, end)

        monkeypatch.setattr(Store, "get_range", overtaken)
        with pytest.raises(SupersededError, match="A newer attempt of this task has taken over the export"):
            export(store, FakeVendor(RECORDS))

        assert published(store) == {}


class TestMaxPause:
    def test_a_pause_is_handed_on_while_the_total_is_within_bounds(self, store):
        for _ in range(2):
            with pytest.raises(RateLimitedError) as caught:
                export(store, FakeVendor(RECORDS, trouble=ask_for_a_pause(1800)), max_pause=HOUR)
            assert caught.value.retry_after == timedelta(minutes=30)

    def test_pauses_of_several_tries_add_up_until_they_are_too_long(self, store):
        with pytest.raises(RateLimitedError):
            export(store, FakeVendor(RECORDS, trouble=ask_for_a_pause(3600)), max_pause=HOUR)

        with pytest.raises(IncompleteExportError) as caught:
            export(store, FakeVendor(RECORDS, trouble=ask_for_a_pause(1)), max_pause=HOUR)

        assert str(caught.value) == (
            "Acme /export asked for pauses of 1 hour 1 second in total, longer than max_pause=1 hour; "
            "nothing was published, and progress is kept for a later retry. "
            "Look for other programs that use up the vendor's limit."
        )
        assert published(store) == {}

    def test_pauses_of_days_add_up_though_the_checkpoint_is_too_old_by_then(self, store):
        """Each pause is as long as a checkpoint is used; a vendor could postpone the task for ever."""
        for day in range(2):
            with pytest.raises(RateLimitedError):
                export(store, FakeVendor(RECORDS, trouble=ask_for_a_pause(86_400)), now=NOW + day * 90_000)

        with pytest.raises(
            IncompleteExportError, match=r"pauses of 3 days in total, longer than max_pause=2 da"
        ):
            export(store, FakeVendor(RECORDS, trouble=ask_for_a_pause(86_400)), now=NOW + 2 * 90_000)

    def test_pauses_add_up_though_settings_change(self, store):
        for size in (1, 2):
            with pytest.raises(RateLimitedError):
                export(
                    store,
                    FakeVendor([], trouble=ask_for_a_pause(1800)),
                    query=query(page_size=size),
                    max_pause=HOUR,
                )

        with pytest.raises(IncompleteExportError, match="1 hour 30 minutes"):
            export(
                store, FakeVendor([], trouble=ask_for_a_pause(1800)), query=query(page_size=3), max_pause=HOUR
            )

    def test_pauses_during_the_probe_of_a_window_add_up_too(self, store):
        undecided = Query(stream(window_undecided=True), page_size=2)

        def start(count):
            vendor = FakeVendor(RECORDS, trouble=ask_for_a_pause(1800))
            job = job_of(query=undecided, max_pause=HOUR)
            reading = WindowReading(vendor, MemoryFindings(), lambda: NOW)
            Export(job, vendor, store, now=lambda: NOW + count * 90_000).run_decided(reading)

        for count in range(2):
            with pytest.raises(RateLimitedError):
                start(count)

        with pytest.raises(IncompleteExportError, match="asked for pauses of 1 hour 30 minutes in total"):
            start(2)

    def test_a_pause_of_an_export_whose_window_was_decided_is_counted_once(self, store):
        undecided = Query(stream(window_undecided=True), page_size=2)
        findings = MemoryFindings()
        vendor = FakeVendor(RECORDS, trouble=ask_for_a_pause(3600))
        reading = WindowReading(vendor, findings, lambda: NOW)
        findings.put(reading._name_of(undecided), Finding("created", "probe", NOW))

        with pytest.raises(RateLimitedError):
            Export(job_of(query=undecided, max_pause=HOUR), vendor, store, now=lambda: NOW).run_decided(
                reading
            )

    def test_a_retry_after_the_end_is_not_ended_by_its_first_pause(self, store):
        with pytest.raises(IncompleteExportError):
            export(store, FakeVendor(RECORDS, trouble=ask_for_a_pause(7200)), max_pause=HOUR)

        with pytest.raises(RateLimitedError):
            export(store, FakeVendor(RECORDS, trouble=ask_for_a_pause(60)), max_pause=HOUR)

    def test_a_published_run_keeps_no_pause(self, store):
        with pytest.raises(RateLimitedError):
            export(store, FakeVendor(RECORDS, trouble=ask_for_a_pause(3600)), max_pause=HOUR)
        export(store, FakeVendor(RECORDS), max_pause=HOUR)

        with pytest.raises(RateLimitedError):
            export(store, FakeVendor(RECORDS, trouble=ask_for_a_pause(3600)), max_pause=HOUR)

    def test_progress_is_kept_all_the_same(self, store):
        def trouble(asked):
            if asked == 4:
                ask_for_a_pause(7200)(asked)

        with pytest.raises(IncompleteExportError):
            export(store, FakeVendor(RECORDS, trouble=trouble), max_pause=HOUR)
        vendor = FakeVendor(RECORDS)

        outcome = export(store, vendor, max_pause=HOUR)

        assert published(store) == DAYS
        assert vendor.requests[0].parameter("position") == "6"
        assert outcome.plan.usage.paused_seconds == 0, "the try failed; nothing was waited for"
