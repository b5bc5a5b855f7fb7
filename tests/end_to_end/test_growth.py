"""What an export costs its store and its memory must not grow faster than what it exports: counts, no clocks.

Each limit is what the code needs now, so that a change that needs more fails; next to it stands the aim.
Whoever comes closer to an aim lowers the limit.
"""

from __future__ import annotations

import tracemalloc
from datetime import timedelta
from functools import cache

from airflow_provider_convexport.export.job import Job, TaskTry
from airflow_provider_convexport.export.run import Export
from airflow_provider_convexport.export.stage.tuning import Tuning
from tests.support.counted_store import PER_CALL, add_neighbours, counted_store
from tests.support.page_source import PageSource, query_of
from tests.support.samples import APRIL_1, days

NOW = (APRIL_1 + timedelta(days=400)).timestamp()
PER_DAY = 5
VENDOR = "ada"

PER_NEW_PARTITION = 4  # checks of the lease are shared when they take time
PER_REPLACED_PARTITION = 6
OF_A_DAY = 16
OF_A_DAY_AGAIN = 17
OF_30_DAYS = 110  # the least is 85: two for each day, one for the staged object and twenty more
PER_REPLACED_PARTITION_FOR_2600_STAGED_OBJECTS_OF_OTHERS = 0
CHECKPOINT_BYTES_PER_DATA_BYTE = 0.02
CHECKPOINT_BYTES_PER_DATA_BYTE_IN_A_LONG_RUN = 0.02
BYTES_PER_OPEN_PARTITION = 420_000  # aim: 20,000


def export(store, count, *, run_id="1", now=NOW, partition_by="day", records=None):
    """Export so many days; return the number of published records."""
    job = Job(query_of(VENDOR), days(count), partition_by, task=TaskTry("dag", "task", run_id))
    source = PageSource(VENDOR, job.interval, records or count * PER_DAY)
    outcome = Export(job, source, store, now=lambda: now).run()
    assert sum(each.manifest.records for each in outcome.written) == source.count


@cache
def operations(count):
    """Return how many operations it takes to export so many days to a new dataset."""
    store, objects = counted_store()
    export(store, count)
    return objects.total


@cache
def operations_again(count, *, neighbours=0):
    """Return how many operations it takes another run to replace so many days."""
    store, objects = counted_store()
    export(store, count, run_id="first", now=NOW - 3600)
    add_neighbours(store, neighbours)
    objects.forget()
    export(store, count, run_id="second")
    return objects.total


def checkpoint_share(*, saves):
    """Return how many bytes of checkpoints are written for a byte of data.

    Each page is what twelve pages of 25 records are at three pages a second: the data of one checkpoint.
    """
    store, objects = counted_store()
    job = Job(query_of("agentx", page_size=300), days(10), task=TaskTry("dag", "task", "1"))
    source = PageSource("agentx", job.interval, 300 * saves)
    Export(job, source, store, tuning=Tuning(flush_seconds=0), now=lambda: NOW).run()
    return objects.bytes_put["checkpoint"] / objects.bytes_put["part"]


def peak_of(count, partition_by, *, records):
    """Return the most bytes that an export holds at once."""
    store, _ = counted_store()
    tracemalloc.start()
    try:
        export(store, count, partition_by=partition_by, records=records)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class TestOperations:
    def test_a_further_new_partition_costs_a_few_operations(self):
        assert (operations(30) - operations(10)) / 20 <= PER_NEW_PARTITION

    def test_a_further_replaced_partition_costs_a_few_operations(self):
        assert (operations_again(30) - operations_again(10)) / 20 <= PER_REPLACED_PARTITION

    def test_a_single_day_costs_little_more_than_its_partition(self):
        assert operations(1) <= OF_A_DAY
        assert operations_again(1) <= OF_A_DAY_AGAIN

    def test_thirty_small_days_cost_little_in_total(self):
        assert operations(30) <= OF_30_DAYS

    def test_what_other_tasks_have_staged_costs_little_more(self):
        def per_partition(neighbours):
            return (
                operations_again(10, neighbours=neighbours) - operations_again(5, neighbours=neighbours)
            ) / 5

        more = per_partition(200) - per_partition(0)

        # Threads share checks of the lease, more or fewer of them.
        assert more <= 1 + PER_REPLACED_PARTITION_FOR_2600_STAGED_OBJECTS_OF_OTHERS

    def test_the_neighbours_of_these_tests_would_be_noticed(self):
        store, objects = counted_store()
        add_neighbours(store, 200)
        objects.forget()

        assert len(store.find("_staging")) == 2_600
        assert objects.operations == {"list": 2_600 // PER_CALL + 1}


class TestCheckpoints:
    def test_checkpoints_are_a_small_share_of_the_data(self):
        assert 0 < checkpoint_share(saves=50) <= CHECKPOINT_BYTES_PER_DATA_BYTE

    def test_checkpoints_of_a_long_run_are_a_small_share_of_its_data(self):
        assert 0 < checkpoint_share(saves=100) <= CHECKPOINT_BYTES_PER_DATA_BYTE_IN_A_LONG_RUN


class TestMemory:
    def test_a_further_open_partition_needs_little_memory(self):
        more = peak_of(2, "hour", records=480) - peak_of(2, "day", records=480)

        assert more / 46 <= BYTES_PER_OPEN_PARTITION
