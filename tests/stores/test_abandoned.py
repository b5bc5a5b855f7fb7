"""Every kind of store tells when staged objects were written, which decides whether they are old."""

from __future__ import annotations

import time

import pytest

from airflow_provider_convexport.destination import store_at
from airflow_provider_convexport.export.dataset.abandoned import find_abandoned, sweep
from tests.support.runs import Run, at

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


def test_staging_is_found_by_its_age_and_swept(bucket, root):
    store = store_at(bucket.url(root))
    begin = time.time()
    run = Run(store, ("a", at(1)))
    names = store.find("")

    assert find_abandoned(store, names, before=begin - 60) == []
    (task,) = find_abandoned(store, names, before=time.time() + 60)
    assert begin - 60 < task.written_at < time.time() + 60
    assert task.folder == f"_staging/{run.job.task_key}"
    assert sorted(each.name for each in task.objects) == names
    assert task.bytes == sum(len(store.get(name)) for name in names) > 0

    sweep(store, [task])

    assert store.find("") == []
