"""Published partitions are read from every store, also while a version is replaced."""

from __future__ import annotations

import json

import pytest

from airflow_provider_convexport.cli.__main__ import main
from airflow_provider_convexport.errors import PartitionReplacedError
from airflow_provider_convexport.export.dataset import reader
from airflow_provider_convexport.export.dataset.reader import read_partitions
from tests.support.exports import export
from tests.support.published import truth
from tests.support.samples import DAY
from tests.support.streams import MIDNIGHT, case_of

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

START = MIDNIGHT - 20 * DAY
CASE = case_of("agentx", "messages")


def test_records_of_a_range_are_read_from_every_store(simulator, bucket, root, monkeypatch):
    monkeypatch.setattr(reader, "_DOWNLOAD", 1_000)
    export(CASE, bucket.url(root), START, START + 3 * DAY)

    found = list(read_partitions(bucket.url(root), START + DAY, START + 3 * DAY))

    expected = truth(simulator, CASE, START + DAY, START + 3 * DAY)
    assert {each.folder: sorted(each.lines()) for each in found} == expected
    assert all("@" not in url for each in found for url in each.urls)


def test_a_version_that_is_replaced_is_followed_or_told_on_every_store(simulator, bucket, root, monkeypatch):
    export(CASE, bucket.url(root), START, START + DAY, target_file_bytes=1, run_id="first")
    (partition,) = read_partitions(bucket.url(root))
    begun = partition.lines()
    next(begun)
    export(CASE, bucket.url(root), START, START + DAY, target_file_bytes=1, run_id="second")

    expected = truth(simulator, CASE, START, START + DAY)
    assert sorted(partition.lines()) == expected[partition.folder]
    assert partition.again().manifest.commit != partition.manifest.commit
    with pytest.raises(PartitionReplacedError):
        list(partition.lines(follow=False))


def test_the_command_prints_what_is_there_on_every_store(simulator, bucket, root, capsys):
    facts = export(CASE, bucket.url(root), START, START + 2 * DAY)
    capsys.readouterr()

    main(["files", "--destination", bucket.url(root), "--format", "json"])

    found = json.loads(capsys.readouterr().out)
    assert sum(each["records"] for each in found) == facts["records"] > 0
    assert [each["url"].rpartition("/")[2] for each in found] == [
        f"dt={START + number * DAY:%Y-%m-%d}" for number in range(2)
    ]
