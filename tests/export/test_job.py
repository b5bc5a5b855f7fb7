from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta

import pytest

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.dataset.partition import PartitionGrid
from airflow_provider_convexport.export.fetch.pagination import Cursor
from airflow_provider_convexport.export.fetch.stream import Query
from airflow_provider_convexport.export.job import Job, TaskTry
from airflow_provider_convexport.export.window import Window
from tests.support.manifests import manifest_of
from tests.support.samples import APRIL_1, DAY, HOUR, days, query, stream

TASK = TaskTry("dag", "task", "manual__1", 3, 2)
JOB = Job(query(scope={"bot": "b"}, filters={"agent": "a"}), days(2), task=TASK)

JOB_FIELDS = {
    "query": (query(scope={"bot": "c"}, filters={"agent": "a"}), True),
    "interval": (days(3), True),
    "partition_by": ("interval", True),
    "partition_timezone": ("Europe/Berlin", True),
    "kept_from": (APRIL_1 + HOUR, True),
    "compression": ("none", True),
    "target_file_bytes": (1, True),
    "skip_unchanged": (True, False),
    "concurrency": (7, False),
    "checkpoint_max_age": (HOUR, False),
    "max_pause": (HOUR, False),
    "task": (replace(TASK, run_id="other"), False),
}
"""For every field another value, and whether work that was staged with it is of no use."""

QUERY_FIELDS = {
    "stream": (stream(name="messages"), True),
    "window_on": ("updated", True),
    "scope": ({"bot": "c"}, True),
    "filters": ({}, True),
    "page_size": (7, True),
    "account": ("other.example", True),
    "scope_params": ({"name": "b"}, False),
    "request_window": (HOUR, False),
    "window_evidence": ("probe", False),
}

TASK_FIELDS = {
    "dag_id": ("other", True),
    "task_id": ("other", True),
    "run_id": ("other", True),
    "map_index": (4, True),
    "try_number": (3, False),
    "order": (3, False),
}
"""For every field another value, and whether it makes another task instance."""


@pytest.mark.parametrize(
    ("kind", "table"), [(Job, JOB_FIELDS), (Query, QUERY_FIELDS), (TaskTry, TASK_FIELDS)]
)
def test_every_field_is_decided_on(kind, table):
    """Whoever adds a field decides here whether it changes the fingerprint or the task instance."""
    assert set(table) == {field.name for field in fields(kind)}


@pytest.mark.parametrize("name", JOB_FIELDS)
def test_staged_work_is_shared_by_jobs_that_differ_in_nothing_that_matters(name):
    value, matters = JOB_FIELDS[name]
    other = replace(JOB, **{name: value})

    assert other != JOB
    assert (other.fingerprint != JOB.fingerprint) is matters


@pytest.mark.parametrize("name", QUERY_FIELDS)
def test_staged_work_is_shared_by_queries_that_differ_in_nothing_that_matters(name):
    value, matters = QUERY_FIELDS[name]
    other = replace(JOB, query=replace(JOB.query, **{name: value}))

    assert other.query != JOB.query
    assert (other.fingerprint != JOB.fingerprint) is matters


def test_another_vendor_has_another_fingerprint():
    other = replace(JOB, query=replace(JOB.query, stream=stream(vendor="other")))

    assert other.fingerprint != JOB.fingerprint


def test_how_a_vendor_is_asked_does_not_change_the_fingerprint():
    """A fix of a vendor's values keeps what was staged before the upgrade."""
    other = stream(title="ACME", pagination=Cursor(("cursor",), "cursor"), settle=HOUR, concurrency=9)

    assert replace(JOB, query=replace(JOB.query, stream=other)).fingerprint == JOB.fingerprint


def test_the_order_of_scope_and_filters_does_not_change_the_fingerprint():
    both = stream(filters=frozenset(("agent", "team")))
    one = Query(both, scope={"a": "1", "b": "2"}, filters={"agent": "a", "team": "t"})
    two = Query(both, scope={"b": "2", "a": "1"}, filters={"team": "t", "agent": "a"})

    assert replace(JOB, query=one).fingerprint == replace(JOB, query=two).fingerprint


def test_a_name_and_its_value_are_not_confused():
    one, two = ({"a": "b", "c": "d"}, {"a": "b,c", "d": ""})

    assert (
        replace(JOB, query=query(scope=one)).fingerprint != replace(JOB, query=query(scope=two)).fingerprint
    )


@pytest.mark.parametrize("value", [JOB.fingerprint, JOB.task_key])
def test_fingerprints_and_keys_are_names_of_folders(value):
    assert len(value) == 20
    assert set(value) <= set("0123456789abcdef")


def test_fingerprints_and_keys_are_the_same_in_every_process():
    """Later tries, after an upgrade too, look for staged work under these names."""
    assert (JOB.fingerprint, JOB.task_key) == ("92d77d731c45e3cf336f", "b55f49c2f95af4699381")


class TestTaskKey:
    @pytest.mark.parametrize("name", TASK_FIELDS)
    def test_tries_of_one_task_instance_share_their_folder(self, name):
        value, matters = TASK_FIELDS[name]
        other = replace(TASK, **{name: value})

        assert (other.identity != TASK.identity) is matters
        assert (replace(JOB, task=other).task_key != JOB.task_key) is matters

    def test_within_a_run_the_interval_does_not_change_it(self):
        assert replace(JOB, interval=days(5)).task_key == JOB.task_key

    def test_without_a_run_each_interval_has_its_own(self):
        job = replace(JOB, task=TaskTry())

        assert replace(job, interval=days(5)).task_key != job.task_key
        assert replace(job, compression="none").task_key == job.task_key

    def test_parts_of_the_identity_are_not_confused(self):
        one, two = TaskTry("a", "b", "c"), TaskTry("a", "bc", "c")

        assert replace(JOB, task=one).task_key != replace(JOB, task=two).task_key


class TestTaskTry:
    def test_the_writer_of_a_manifest_is_found(self):
        manifest = manifest_of(dag_id="dag", task_id="task", run_id="manual__1", map_index=3, try_number=2)

        assert TaskTry.of(manifest) == TASK

    def test_the_identity_leaves_the_try_out(self):
        assert TASK.identity == ("dag", "task", "manual__1", 3)


class TestGrid:
    def test_it_is_made_of_the_jobs_own_values(self):
        job = replace(JOB, partition_by="hour", kept_from=APRIL_1 + HOUR)

        assert job.grid() == PartitionGrid(days(2), "hour", {"bot": "b"}, kept_from=APRIL_1 + HOUR)

    def test_days_are_those_of_the_zone(self):
        local = Window(APRIL_1 - 2 * HOUR, APRIL_1 + DAY - 2 * HOUR)
        grid = replace(JOB, interval=local, partition_timezone="Europe/Berlin").grid()

        assert (grid.count, grid.folder_of(0)) == (1, "bot=b/dt=2026-04-01")

    def test_an_interval_of_half_days_is_refused(self):
        half = Window(APRIL_1, APRIL_1 + DAY / 2)

        with pytest.raises(
            ConfigurationError, match=r"^partition_by='day' needs an interval of whole UTC days"
        ):
            replace(JOB, interval=half).grid()


class TestAsked:
    def test_the_vendor_is_asked_for_all_of_the_interval(self):
        assert JOB.asked == days(2)

    def test_it_is_not_asked_for_what_it_no_longer_keeps(self):
        noon = APRIL_1 + timedelta(hours=12)

        assert replace(JOB, kept_from=noon).asked == Window(noon, APRIL_1 + 2 * DAY)
