from __future__ import annotations

import hashlib
import io
import json
import random
import subprocess
import sys
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest

from airflow_provider_convexport.errors import DestinationUnavailableError
from airflow_provider_convexport.export.dataset.reader import PublishedPartition
from airflow_provider_convexport.tables import parquet_files
from airflow_provider_convexport.tables.build import FileSettings, built
from airflow_provider_convexport.tables.raw import table_partitions_of
from airflow_provider_convexport.tables.run import make_tables
from airflow_provider_convexport.tables.schema import TABLES
from tests.support.samples import days
from tests.support.tables import ada_message, disk, put_raw, raw_in, rows_of, tables

CHAT = (
    b'{"id":"c1","created_at":"2026-04-01T10:00:00Z","messages":['
    b'{"id":"m1","text":"Hello","role":"customer"},{"id":"m2","text":"Hi","role":"agent"}]}'
)


def build(store, **settings):
    """Yield the finished files' bytes of a raw dataset's first day, by table."""
    (partition,) = raw_in(store, days(1))
    with built(partition, table_partitions_of(partition), FileSettings(**settings)) as found:
        return {each.key.table: (each, [file.path.read_bytes() for file in each.files]) for each in found}


@pytest.fixture
def raw(tmp_path):
    store = disk(tmp_path / "raw")
    put_raw(store, [ada_message(number, "x" * 200) for number in range(1_000)], files=3)
    return store


def test_the_same_version_gives_the_same_bytes_and_the_same_fingerprint(raw):
    (one, its_files), (other, other_files) = (build(raw)["messages"] for _ in range(2))

    assert its_files == other_files
    assert one.fingerprint == other.fingerprint


def test_the_bytes_are_the_same_in_another_process(raw, tmp_path):
    script = (
        "import hashlib, sys; from pathlib import Path\n"
        "from tests.tables.test_build import build, disk\n"
        "_, files = build(disk(Path(sys.argv[1])))['messages']\n"
        "print(*[hashlib.sha256(each).hexdigest() for each in files])"
    )

    done = subprocess.run(
        [sys.executable, "-c", script, raw.root], capture_output=True, text=True, check=True
    )

    _, files = build(raw)["messages"]
    assert done.stdout.split() == [hashlib.sha256(each).hexdigest() for each in files]


@pytest.mark.parametrize("settings", [{"include_raw": False}, {"target_file_bytes": 1}])
def test_what_decides_the_bytes_is_in_the_fingerprint(raw, settings):
    assert build(raw, **settings)["messages"][0].fingerprint != build(raw)["messages"][0].fingerprint


def test_a_file_is_closed_once_it_has_its_size_and_no_row_is_lost(raw, monkeypatch):
    monkeypatch.setattr(parquet_files, "BATCH_ROWS", 30)
    monkeypatch.setattr(parquet_files, "ROW_GROUP_ROWS", 100)

    small, files = build(raw, target_file_bytes=1)["messages"]
    whole, (single,) = build(raw)["messages"]

    # A row group ends with the batch in which it becomes full.
    assert [file.rows for file in small.files] == [120] * 8 + [40]
    assert (small.rows, whole.rows, len(files)) == (1_000, 1_000, 9)
    assert len(single) == whole.files[0].bytes


def test_row_groups_are_bounded_by_bytes_too(raw, monkeypatch):
    monkeypatch.setattr(parquet_files, "BATCH_BYTES", 10_000)
    monkeypatch.setattr(parquet_files, "ROW_GROUP_BYTES", 60_000)

    (built_one, files) = build(raw)["messages"]

    footer = pq.ParquetFile(io.BytesIO(files[0])).metadata
    sizes = [footer.row_group(number).num_rows for number in range(footer.num_row_groups)]
    assert sum(sizes) == built_one.rows
    assert 5 < len(sizes) < 20
    assert built_one.files[0].uncompressed_bytes == sum(
        footer.row_group(number).total_byte_size for number in range(len(sizes))
    )


def test_files_are_zstd_with_statistics_and_have_the_tables_schema(raw):
    _, (content,) = build(raw)["messages"]

    file = pq.ParquetFile(io.BytesIO(content))
    column = file.metadata.row_group(0).column(file.schema_arrow.names.index("sent_at"))
    assert file.schema_arrow == TABLES["messages"].arrow()
    assert column.compression == "ZSTD"
    assert (column.statistics.has_min_max, column.statistics.null_count) == (True, 0)


def test_both_tables_of_a_stream_are_made_in_one_pass(tmp_path, monkeypatch):
    store = disk(tmp_path / "raw")
    put_raw(store, [CHAT], vendor="applied_labs", stream="conversations", account="", window_on="created_at")
    passes = []
    lines = PublishedPartition.lines
    monkeypatch.setattr(
        PublishedPartition, "lines", lambda self, **options: passes.append(1) or lines(self, **options)
    )

    found = build(store)

    assert {name: each.rows for name, (each, _) in found.items()} == {"conversations": 1, "messages": 2}
    assert passes == [1]


def test_common_columns_are_the_same_in_all_rows_and_the_date_is_the_folders(tmp_path):
    store = disk(tmp_path / "raw")
    put_raw(store, [ada_message(1), ada_message(2)], committed_at="2026-04-02T03:04:05Z")

    tables(store, disk(tmp_path / "lake"), days(1))

    common = {
        (row["vendor"], row["scope"], f"{row['partition_date']}", row["window_on"], f"{row['exported_at']}")
        for row in rows_of(tmp_path / "lake")
    }
    assert common == {("ada", "{}", "2026-04-01", "created", "2026-04-02 03:04:05+00:00")}


def test_values_of_an_unexpected_shape_are_counted_in_the_manifest(tmp_path):
    store = disk(tmp_path / "raw")
    put_raw(store, [ada_message(1), b'{"_id":"m","conversation_id":"c","date_created":[1]}'])

    outcome = tables(store, disk(tmp_path / "lake"), days(1))

    manifest = json.loads(Path(outcome.written[0].url.removeprefix("file://")).read_text())
    assert manifest["drift"]["sent_at"] == {"array": 1}


class Recorder:
    """A target that keeps the texts of what is published."""

    def __init__(self):
        self.published = []
        self.catalog_facts = None

    def seen(self, keys):
        return {}

    def publish(self, table):
        rows = [pq.read_table(str(file.path), columns=["text"])["text"].to_pylist() for file in table.files]
        self.published.append((table.version.source.commit, sorted({text for each in rows for text in each})))

    def commit(self):
        return []


def test_a_raw_version_that_is_replaced_while_it_is_read_is_read_again_from_its_beginning(
    tmp_path, monkeypatch
):
    store = disk(tmp_path / "raw")
    put_raw(store, [ada_message(number, "old") for number in range(40)], files=4)
    (partition,) = raw_in(store, days(1))
    lines, new = PublishedPartition.lines, []

    def interrupted(self, **options):
        for number, line in enumerate(lines(self, **options)):
            if number == 15 and not new:
                new.append(put_raw(store, [ada_message(1, "new"), ada_message(2, "new")], requested_at=60))
            yield line

    monkeypatch.setattr(PublishedPartition, "lines", interrupted)
    target = Recorder()
    make_tables([partition], target, FileSettings())

    assert target.published == [(new[0].commit, ["new"])]


def test_a_raw_version_that_is_replaced_again_and_again_is_given_up(tmp_path, monkeypatch):
    store = disk(tmp_path / "raw")
    put_raw(store, [ada_message(1)])
    (partition,) = raw_in(store, days(1))
    lines = PublishedPartition.lines
    rounds = iter(range(1, 100))

    def interrupted(self, **options):
        put_raw(store, [ada_message(1)], requested_at=next(rounds))
        yield from lines(self, **options)

    monkeypatch.setattr(PublishedPartition, "lines", interrupted)

    with pytest.raises(DestinationUnavailableError, match="it was replaced 10 times while it was read"):
        make_tables([partition], Recorder(), FileSettings())


def test_partitions_of_hours_and_intervals_keep_their_folders_and_keys(tmp_path):
    store = disk(tmp_path / "raw")
    manifest = put_raw(store, [ada_message(1)])

    def key_of(folder, **changes):
        changed = msgspec.structs.replace(manifest, **changes)
        (key,) = table_partitions_of(PublishedPartition(store, folder, changed))
        return key.folder, key.partition_by, key.key, str(key.date)

    hour = manifest.partition.__class__("2026-04-01T05:00:00Z", "2026-04-01T06:00:00Z")
    assert key_of("dt=2026-04-01/hour=05", partition=hour) == (
        "dt=2026-04-01/hour=05",
        "hour",
        "2026-04-01T05:00:00",
        "2026-04-01",
    )
    assert key_of("deep/interval_start=20260401T050000Z", partition=hour) == (
        "interval_start=20260401T050000Z",
        "interval",
        "2026-04-01T05:00:00",
        "2026-04-01",
    )
    assert (
        key_of("x/bot_name=a%20b/dt=2026-04-01", scope={"bot_name": "a b"})[0]
        == "bot_name=a%20b/dt=2026-04-01"
    )


MEASURE = """
import re, sys
from pathlib import Path
from tests.support.tables import disk, tables
from tests.support.samples import days
from airflow_provider_convexport.tables import parquet_files
import pyarrow, pyarrow.parquet
parquet_files.ROW_GROUP_BYTES = 4 * 2**20
store = disk(Path(sys.argv[1]) / "raw")
outcome = tables(store, disk(Path(sys.argv[1]) / "lake"), days(1))
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]
print(outcome.written[0].rows, peak)
"""
"""The peak of this process alone; what `resource` tells contains that of the process which started it."""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
def test_memory_does_not_grow_with_the_partition(tmp_path):
    peaks = {}
    for count in (8_000, 80_000):  # two row groups of 4 MiB, and twenty
        folder = tmp_path / str(count)
        chance = random.Random(0)
        put_raw(
            disk(folder / "raw"), (ada_message(each, chance.randbytes(200).hex()) for each in range(count))
        )
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, str(folder)], capture_output=True, text=True, check=True
        )
        rows, peaks[count] = map(int, done.stdout.split())
        assert rows == count

    assert (peaks[80_000] - peaks[8_000]) / 1024 < 25, "MiB"
