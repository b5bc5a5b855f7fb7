from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from airflow_provider_convexport.export.publish.plan import PartitionPlan, Source
from airflow_provider_convexport.export.publish.staged_reader import StagedReader
from airflow_provider_convexport.export.stage.segment import Segment

IDS = 3
"""Length of a list of ids."""


@dataclass
class Objects:
    """Objects whose reads are counted."""

    contents: dict[str, bytes] = field(default_factory=dict)
    reads: list[tuple[str, int, int]] = field(default_factory=list)

    def get_range(self, name, start, end):
        self.reads.append((name, start, end))
        if name not in self.contents:
            raise FileNotFoundError(name)
        return self.contents[name][start:end]


def staged(objects, name, *lengths, partitions=None):
    """Put an object with a segment for each partition; return the segments and their data."""
    content, found = b"", []
    for number, length in enumerate(lengths):
        partition = number if partitions is None else partitions[number]
        segment = Segment(partition, name, len(content), length, IDS, 1, length, 0, None, None)
        data = bytes([65 + number]) * length
        content += data + b"ids"
        found.append((segment, data))
    objects.contents[name] = content
    return found


def reader_of(objects, *objects_of_segments, **options):
    segments = [segment for each in objects_of_segments for segment, _ in each]
    partitions = [
        PartitionPlan(
            index, f"dt={index}", [[Source(each, []) for each in segments if each.partition == index]]
        )
        for index in sorted({each.partition for each in segments})
    ]
    return StagedReader(objects, partitions, **options)


def test_small_segments_of_neighbouring_partitions_take_one_request():
    objects = Objects()
    found = staged(objects, "a", *[10] * 50)
    reader = reader_of(objects, found)

    assert [reader.read(segment) for segment, _ in found] == [data for _, data in found]
    assert objects.reads == [("a", 0, 50 * (10 + IDS) - IDS)]


def test_a_segment_that_no_longer_fits_begins_a_new_request():
    objects = Objects()
    found = staged(objects, "a", *[100] * 10)
    reader = reader_of(objects, found, block=250)

    assert [reader.read(segment) for segment, _ in found] == [data for _, data in found]
    assert objects.reads == [("a", start * 103, start * 103 + 203) for start in range(0, 10, 2)]


def test_a_segment_longer_than_a_block_is_read_by_itself_and_whole():
    objects = Objects()
    found = staged(objects, "a", 1_000, 1_000)
    reader = reader_of(objects, found, block=250)

    assert [reader.read(segment) for segment, _ in found] == [data for _, data in found]
    assert objects.reads == [("a", 0, 1_000), ("a", 1_003, 2_003)]


def test_a_segment_of_a_partition_that_is_far_away_is_not_read_ahead():
    objects = Objects()
    found = staged(objects, "a", 10, 10, 10, partitions=[0, 64, 129])
    reader = reader_of(objects, found)

    assert [reader.read(segment) for segment, _ in found] == [data for _, data in found]
    assert objects.reads == [("a", 0, 23), ("a", 26, 36)]


def test_several_threads_read_a_block_once():
    objects = Objects()
    found = [staged(objects, name, *[10] * 40) for name in "abc"]
    reader = reader_of(objects, *found)
    in_turns = [each for group in zip(*found, strict=True) for each in group]

    with ThreadPoolExecutor(16) as threads:
        read = list(threads.map(lambda each: reader.read(each[0]), in_turns))

    assert read == [data for _, data in in_turns]
    # A thread may come to a later segment of an object before another one reads its first.
    assert len(objects.reads) <= 3 * 16
    assert len(set(objects.reads)) == len(objects.reads)


def test_blocks_do_not_accumulate_in_memory(monkeypatch):
    objects = Objects()
    found = [staged(objects, f"{name:03d}", *[30_000] * 30) for name in range(30)]
    reader = reader_of(objects, *found)

    for each in found:
        assert reader.read(each[0][0]) == each[0][1]

    assert reader._bytes == sum(len(block.data) for block in reader._kept.values()) <= 16 * 2**20
    assert len(objects.reads) == 30


def test_an_object_that_has_disappeared_is_told():
    objects = Objects()
    found = staged(objects, "a", 10, 10)
    objects.contents.clear()
    reader = reader_of(objects, found)

    for segment, _ in found:
        with pytest.raises(FileNotFoundError):
            reader.read(segment)
