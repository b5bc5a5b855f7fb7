from __future__ import annotations

import pytest

from airflow_provider_convexport.export.dataset.manifest import FileEntry
from airflow_provider_convexport.export.fetch.usage import Usage
from airflow_provider_convexport.export.outcome import Outcome, Published
from airflow_provider_convexport.export.publish.plan import Plan
from airflow_provider_convexport.export.stage.partitioner import Counts
from tests.support.manifests import manifest_of

PLAN = Plan(saved_at=0.0, requested_at=0.0, commit="c", partitions=[], counts=Counts(), usage=Usage())


def published(key, *files):
    """Return a partition with files given as (records, bytes)."""
    entries = [
        FileEntry(f"part-{number}", records, size, 9, "") for number, (records, size) in enumerate(files)
    ]
    return Published(
        key, f"url/{key}", manifest_of(files=entries, records=sum(records for records, _ in files))
    )


def test_an_outcome_without_partitions_is_all_zero():
    outcome = Outcome(PLAN, [], unchanged=3)

    assert (outcome.records, outcome.files, outcome.bytes, outcome.unchanged) == (0, 0, 0, 3)


def test_records_files_and_bytes_of_all_partitions_add_up():
    outcome = Outcome(PLAN, [published("1", (2, 100), (3, 50)), published("2"), published("3", (1, 7))])

    assert (outcome.records, outcome.files, outcome.bytes) == (6, 3, 157)


def test_nothing_is_unchanged_unless_said():
    assert Outcome(PLAN, []).unchanged == 0


def test_an_outcome_cannot_be_changed():
    with pytest.raises(AttributeError):
        Outcome(PLAN, []).unchanged = 1
