from __future__ import annotations

import copy
import random
from datetime import timedelta

import pytest

from airflow_provider_convexport.export.fetch.request import PageRequest
from airflow_provider_convexport.export.fetch.usage import Usage
from airflow_provider_convexport.export.stage.attempt import Attempt
from airflow_provider_convexport.export.stage.checkpoint import Checkpoint
from airflow_provider_convexport.export.stage.partitioner import Counts
from airflow_provider_convexport.export.stage.segment import Segment
from airflow_provider_convexport.export.stage.series import Series
from airflow_provider_convexport.export.stage.window_queue import WindowQueue
from tests.support.samples import APRIL_1, DAY, days

WINDOWS = 30
RECORD = 120
"""Compressed bytes of a small record: 2 million of Applied Labs take 0.25 GB."""


class Run:
    """A run that is checkpointed after each page, in random windows."""

    def __init__(self, seed=1, *, pages=10_000):
        self.random = random.Random(seed)
        self.queue = WindowQueue.of(days(WINDOWS).split(DAY))
        self.segments = []
        self.pages = 0
        self.step = timedelta(days=WINDOWS) / pages

    def page(self, attempt_path):
        """Fetch another page of 25 records into one partition."""
        self.pages += 1
        unfinished = [each for each in self.queue.windows if not each.done][:4]
        if unfinished:
            window = self.random.choice(unfinished)
            cursor = self.random.randbytes(24).hex()
            window.next_request = PageRequest(f"/v1/conversations/export?limit=25&cursor={cursor}")
            window.reached = (APRIL_1 + self.pages * self.step).timestamp()
            window.done = self.random.random() < 1 / 40
            if window.done:
                window.next_request = None
            elif not window.is_piece and self.random.random() < 1 / 20:
                self.queue.split(window, pieces=8)
        length = 25 * RECORD + self.random.randrange(500)
        partition = self.pages * WINDOWS // 10_000
        moment = (APRIL_1 + self.pages * self.step).timestamp()
        self.segments.append(
            Segment(partition, attempt_path(f"segments-{self.pages:06d}"), 0, length, 400, 25,
                    length * 5, self.random.getrandbits(32), moment, moment + 60.5)
        )  # fmt: skip

    @property
    def checkpoint(self):
        return Checkpoint(
            saved_at=self.pages + 0.25,
            requested_at=0.5,
            windows=self.queue.windows,
            segments=self.segments,
            counts=Counts(records=25 * self.pages),
            usage=Usage(requests=self.pages, pages=self.pages, throttled_seconds=self.pages / 3),
        )


class Objects(dict):
    """Objects by name; each name is written once."""

    def put(self, name, content):
        assert name not in self
        self[name] = content

    @property
    def size(self):
        return sum(map(len, self.values()))


def folder_of(attempt):
    task = "_staging/dag.task.manual__2026-04-01T00-00-00.1f2e3d4c/0123456789abcdef"
    return f"{task}/{attempt:015d}-000001-{attempt:016x}"


def saved(run, objects, pages, *, attempt=1, series=None):
    """Save a checkpoint after each of some pages, and return the series."""
    series = series or Series()
    for _ in range(pages):
        run.page(lambda name: f"{folder_of(attempt)}/{name}")
        series.append(run.checkpoint, folder=folder_of(attempt), put=objects.put)
    return series


def read_back(objects, series=None):
    reads = []

    def get(name):
        reads.append(name)
        return objects.get(name)

    return (series or Series()).read(max(objects), get=get), reads


@pytest.mark.parametrize("pages", [1, 2, 15, 16, 17, 31, 32, 255, 256, 257, 300])
def test_what_is_read_is_the_last_checkpoint_that_was_written(pages):
    run, objects = Run(), Objects()
    saved(run, objects, pages)

    assert read_back(objects)[0] == run.checkpoint


def test_after_each_checkpoint_that_one_is_read_though_windows_are_split_meanwhile():
    run, objects, series = Run(seed=2), Objects(), Series()
    for _ in range(300):
        saved(run, objects, 1, series=series)
        assert read_back(objects)[0] == run.checkpoint


def test_later_attempts_continue_the_series_of_earlier_ones():
    run, objects = Run(), Objects()
    sizes = []
    for attempt in range(1, 60):
        series = Series()
        before = objects.size
        if objects:
            found, _ = read_back(objects, series)
            run.queue, run.segments = WindowQueue(found.windows), found.segments
        saved(run, objects, 7, attempt=attempt, series=series)
        sizes.append(objects.size - before)

    found, reads = read_back(objects)
    assert found == run.checkpoint
    assert len(reads) <= 15 * 3
    assert sorted(sizes)[len(sizes) // 2] < 2_500, "every attempt wrote everything again"


@pytest.mark.parametrize("pages", [1_000, 2_000])
def test_checkpoints_after_each_small_page_take_less_than_a_tenth_of_the_data(pages):
    run, objects = Run(), Objects()
    saved(run, objects, pages)

    data = sum(each.end for each in run.segments)
    assert objects.size < data / 10
    assert len(read_back(objects)[1]) <= 15 * 3


def test_windows_that_do_not_change_are_not_written_again():
    run, objects, series = Run(), Objects(), Series()
    run.queue = WindowQueue.of(days(3_000).split(DAY))
    saved(run, objects, 12, series=series)

    sizes = [len(content) for content in objects.values()]
    assert sizes[0] > 5_000
    assert max(sizes[1:]) < 400


def test_a_checkpoint_that_does_not_continue_the_last_one_begins_a_new_series():
    objects, series = Objects(), Series()
    saved(Run(seed=3), objects, 20, series=series)
    other = Run(seed=4)
    other.queue = WindowQueue.of(days(5).split(DAY))
    saved(other, objects, 3, series=series)

    found, reads = read_back(objects)
    assert found == other.checkpoint
    assert len(reads) == 3


def test_a_write_that_fails_uses_up_its_name_and_loses_no_change():
    run, objects, series = Run(), Objects(), Series()
    saved(run, objects, 5, series=series)
    run.page(lambda name: f"{folder_of(1)}/{name}")

    def fail(name, content):
        raise OSError(name)

    with pytest.raises(OSError, match="checkpoint-000006"):
        series.append(run.checkpoint, folder=folder_of(1), put=fail)
    saved(run, objects, 1, series=series)

    assert max(objects).endswith("checkpoint-000007")
    assert read_back(objects)[0] == run.checkpoint


def test_of_a_series_that_lacks_an_object_nothing_is_used():
    run, objects = Run(), Objects()
    saved(run, objects, 20)
    del objects[f"{folder_of(1)}/checkpoint-000016"]

    assert read_back(objects)[0] is None


def test_windows_that_a_run_goes_on_to_change_do_not_change_what_was_saved():
    run, objects, series = Run(), Objects(), Series()
    saved(run, objects, 3, series=series)
    found, _ = read_back(objects, later := Series())
    expected = copy.deepcopy(found.windows)
    for window in found.windows:
        window.next_request = None
    later.append(
        Checkpoint(saved_at=9.0, requested_at=0.5, windows=found.windows, segments=found.segments,
                   counts=Counts(), usage=Usage()),
        folder=folder_of(2), put=objects.put,
    )  # fmt: skip

    assert expected != found.windows
    assert read_back(objects)[0].windows == found.windows


def test_a_retry_whose_newest_series_is_broken_uses_an_earlier_attempts(memory):
    run = Run()
    for pages in (3, 3):
        attempt = Attempt.begin(memory, task="task", fingerprint="print")
        for _ in range(pages):
            run.page(attempt.path)
            attempt.save_checkpoint(run.checkpoint)
    memory.delete([attempt.path("checkpoint-000001")])

    found = Attempt.begin(memory, task="task", fingerprint="print").newest_checkpoint(not_before=0)

    assert found.usage.pages == 3
