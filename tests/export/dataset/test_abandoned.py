from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from airflow_provider_convexport.errors import SupersededError
from airflow_provider_convexport.export.dataset.abandoned import find_abandoned, sweep
from airflow_provider_convexport.export.job import TaskTry
from airflow_provider_convexport.export.publish.plan import Plan
from airflow_provider_convexport.export.stage.attempt import Attempt
from tests.support.counted import counted_store
from tests.support.runs import START, Run, at

DAY = 86_400.0
OTHER = TaskTry("dag", "task", "manual__2", 3, 2)


def write_long_ago(store, names, *, days):
    """Make objects as old as if they had been written days ago."""
    moment = time.time() - days * DAY
    for name in names:
        path = f"{store.root}/{name}"
        if store.is_local:
            os.utime(path, (moment, moment))
        else:
            store.fs.store[path].created = datetime.fromtimestamp(moment, UTC)


def abandoned(store, *, days):
    return find_abandoned(store, store.find(""), before=time.time() - days * DAY)


def staged_by(run):
    return run.attempt.store.find(f"_staging/{run.job.task_key}")


def test_a_task_is_abandoned_once_nothing_was_written_to_its_staging_for_long(store):
    old, fresh = Run(store, ("a", at(1))), Run(store, ("b", at(1)), task=OTHER)
    write_long_ago(store, staged_by(old), days=30.5)
    write_long_ago(store, staged_by(fresh), days=29.5)

    (task,) = abandoned(store, days=30)

    assert task.folder == f"_staging/{old.job.task_key}"
    assert sorted(each.name for each in task.objects) == staged_by(old)
    assert task.bytes == sum(len(store.get(name)) for name in staged_by(old))
    assert task.written_at == pytest.approx(time.time() - 30.5 * DAY, abs=60)
    assert task.has_plan


def test_one_newer_object_of_any_try_keeps_all_staging_of_its_task(store):
    """A checkpoint names objects of earlier tries."""
    old = Run(store, ("a", at(1)))
    write_long_ago(store, staged_by(old), days=300)
    Attempt.begin(store, task=old.job.task_key, fingerprint="f" * 20)

    assert abandoned(store, days=30) == []


def test_a_sweep_removes_exactly_what_was_found(store):
    old, fresh = Run(store, ("a", at(1))), Run(store, ("b", at(1)), task=OTHER)
    published = Run(store, ("c", at(2)), task=TaskTry("dag", "task", "manual__3"))
    published.publish()
    published.attempt.finish()
    foreign = ["_staging/notes.txt", f"_staging/{'0' * 20}/theirs.txt", "_staging/a/b/c/d"]
    for name in foreign:
        store.put(name, b"theirs")
    before = store.find("")
    write_long_ago(store, [*staged_by(old), *foreign], days=40)

    sweep(store, abandoned(store, days=30))

    assert store.find("") == [name for name in before if old.job.task_key not in name]
    assert staged_by(fresh)
    assert abandoned(store, days=30) == []


@pytest.mark.parametrize("records", [[], [("a", at(1))]])
def test_a_try_that_wakes_up_after_the_sweep_stops_and_publishes_nothing(store, records):
    run = Run(store, *records)
    write_long_ago(store, staged_by(run), days=40)
    sweep(store, abandoned(store, days=30))

    with pytest.raises(FileNotFoundError if records else SupersededError):
        run.publish()
    with pytest.raises(SupersededError):
        run.attempt.discard()  # which an export does after the first of these errors

    assert store.find("") == []


def test_a_try_that_begins_while_the_sweep_runs_keeps_its_staging(store):
    run = Run(store, ("a", at(1)))
    write_long_ago(store, staged_by(run), days=40)
    found = abandoned(store, days=30)
    again = Attempt.begin(store, task=run.job.task_key, fingerprint=run.job.fingerprint)

    assert again.adopt_plan(Plan, not_before=START + 1) is None  # too old
    sweep(store, found)

    again.check()
    assert [name for name in store.find("_staging") if again.name not in name] == []


def test_a_sweep_that_was_interrupted_is_continued(store):
    run = Run(store, ("a", at(1)))
    write_long_ago(store, staged_by(run), days=40)
    found = abandoned(store, days=30)
    store.delete(each.name for each in found[0].objects if each.last == "lease")  # and then it was killed

    sweep(store, abandoned(store, days=30))

    assert store.find("") == []


def test_staging_of_datasets_in_folders_costs_one_listing_each():
    store = counted_store()
    for number in range(3):
        inner = replace(store, root=f"{store.root}/set{number}")
        for task in range(20):
            Run(inner, task=TaskTry("dag", "task", f"run {task}"))
    names = store.find("")
    write_long_ago(store, names, days=40)
    store.fs.operations.clear()

    found = find_abandoned(store, names, before=time.time() - 30 * DAY)

    assert len(found) == 60
    assert store.fs.operations == {"list": 3}


@pytest.mark.parametrize(
    ("details", "is_old"),
    [
        ({"LastModified": datetime(2026, 1, 1, tzinfo=UTC)}, True),
        ({"last_modified": datetime(2026, 1, 1, tzinfo=UTC)}, True),
        ({"mtime": datetime(2026, 1, 1, tzinfo=UTC), "updated": "2999-01-01T00:00:00Z"}, True),
        ({"updated": "2026-01-01T00:00:00Z"}, True),
        ({"created": datetime(2026, 1, 1, tzinfo=UTC).timestamp()}, True),
        ({"LastModified": datetime(2999, 1, 1, tzinfo=UTC)}, False),
        ({"LastModified": datetime(2026, 1, 1)}, False),  # noqa: DTZ001 - a time without a zone says nothing
        ({}, False),
    ],
)
def test_what_does_not_say_when_it_was_written_counts_as_new(memory, monkeypatch, details, is_old):
    name = f"_staging/{'0' * 20}/{'1' * 20}/attempt/lease"
    monkeypatch.setattr(
        memory.fs, "find", lambda path, detail: {f"{memory.root}/{name}": {"size": 5, **details}}
    )

    assert len(find_abandoned(memory, [name], before=datetime(2026, 6, 1, tzinfo=UTC).timestamp())) == is_old
