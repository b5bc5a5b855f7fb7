"""The plan of a publication: which staged segments become which files of which partitions."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_convexport.export.fetch.usage import Usage
from airflow_provider_convexport.export.stage.checkpoint import Saved
from airflow_provider_convexport.export.stage.partitioner import Counts
from airflow_provider_convexport.export.stage.segment import Segment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class Source(msgspec.Struct, frozen=True, array_like=True):
    """A segment and the numbers (from 0) of its lines that are duplicates and are left out."""

    segment: Segment
    drop: list[int]

    @property
    def records(self) -> int:
        """Number of records that it adds."""
        return self.segment.records - len(self.drop)


class PartitionPlan(msgspec.Struct, frozen=True):
    """One partition: its number in the grid, its folder, and the sources of each file, in order."""

    index: int
    folder: str
    files: list[list[Source]]

    @property
    def sources(self) -> list[Source]:
        """All sources of the partition."""
        return [source for file in self.files for source in file]


class Plan(Saved, frozen=True, kw_only=True):
    """A complete plan; every attempt that reads it publishes the same bytes under the same names.

    :param requested_at: When the first request was sent, in epoch seconds; no record is older.
    :param commit: Id of the commit; derived from the names of the staged objects, which are unique.
    :param partitions: Every partition of the interval, including those without records.
    :param counts: How many records were kept and dropped.
    :param usage: What all attempts together requested from the vendor.
    """

    requested_at: float
    commit: str
    partitions: list[PartitionPlan]
    counts: Counts
    usage: Usage

    @property
    def records(self) -> int:
        """Number of records that will be published."""
        return sum(source.records for partition in self.partitions for source in partition.sources)


def partition_plans(
    segments: Sequence[Segment],
    drops: Mapping[int, Iterable[int]],
    *,
    folders: Sequence[str],
    target_file_bytes: int,
) -> list[PartitionPlan]:
    """Assign segments to partitions and files.

    :param segments: All staged segments.
    :param drops: Lines to leave out, by position in ``segments``.
    :param folders: The folder of each partition in the grid.
    :param target_file_bytes: A file is closed once it holds that many bytes of deflate data.
    """
    sources: list[list[Source]] = [[] for _ in folders]
    for position, segment in enumerate(segments):
        source = Source(segment, sorted(drops.get(position, ())))
        if source.records:
            sources[segment.partition].append(source)
    return [
        PartitionPlan(index, folder, list(_files(each, target_file_bytes)))
        for index, (folder, each) in enumerate(zip(folders, sources, strict=True))
    ]


def _files(sources: Iterable[Source], target: int) -> Iterable[list[Source]]:
    file: list[Source] = []
    size = 0
    for source in sources:
        file.append(source)
        size += source.segment.length
        if size >= target:
            yield file
            file, size = [], 0
    if file:
        yield file


def commit_of(partitions: Sequence[PartitionPlan], *, seed: str) -> str:
    """Return the id of a commit, which is the same only for the same staged objects.

    :param partitions: What will be published.
    :param seed: Distinguishes collections that staged nothing.
    """
    return hashlib.sha256(msgspec.json.encode((seed, partitions))).hexdigest()[:16]
