"""Whether published files still are what their manifests describe: every byte, and the number of records."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_convexport.errors import ConfigurationError, PartitionReplacedError
from airflow_provider_convexport.export.dataset.reader import PARQUET
from airflow_provider_convexport.export.parallel import in_parallel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_convexport.export.dataset.reader import PublishedPartition

_THREADS = 8
_PIECE = 8 * 2**20
"""Bytes of a file of a table that one request fetches."""
_TRIES = 5


class WrongContent(NamedTuple):
    """A partition whose files are not what its manifest describes.

    :param url: URL of its folder.
    :param problem: One sentence that says what is wrong.
    """

    url: str
    problem: str


def wrong_contents(
    partitions: Iterable[PublishedPartition], *, advance: Callable[[], None]
) -> list[WrongContent]:
    """Read every file, and return the partitions of which one has another checksum or number of records.

    :param advance: Called after each partition.
    """
    wrong = []
    for partition, problem in in_parallel(_problem, list(partitions), threads=_THREADS):
        advance()
        if problem:
            wrong.append(WrongContent(partition.url, problem))
    return sorted(wrong)


def _problem(partition: PublishedPartition) -> str:
    """Return what is wrong, in a sentence; empty if nothing is.

    A partition that is replaced meanwhile is read in its new version.
    """
    for _ in range(_TRIES):
        try:
            return _problem_of_version(partition)
        except ConfigurationError as error:
            return str(error)
        except PartitionReplacedError:
            partition = partition.again()
    return f"{partition.url} was replaced again and again while it was read; look again later."


def _problem_of_version(partition: PublishedPartition) -> str:
    files = partition.manifest.files
    if any(file.name.endswith(PARQUET) for file in files):
        return next(filter(None, (_problem_of_table(partition, number) for number in range(len(files)))), "")
    records = sum(1 for _ in partition.lines(follow=False))
    if records == partition.manifest.records:
        return ""
    return (
        f"The files of {partition.url} hold {records} records, and its manifest says "
        f"{partition.manifest.records}; export the interval again."
    )


def _problem_of_table(partition: PublishedPartition, number: int) -> str:
    file = partition.manifest.files[number]
    digest = hashlib.sha256()
    try:
        for start in range(0, file.bytes, _PIECE):
            end = min(start + _PIECE, file.bytes)
            digest.update(partition.store.get_range(f"{partition.folder}/{file.name}", start, end))
    except FileNotFoundError:
        there = partition.again()
        if there.manifest.commit != partition.manifest.commit:
            raise PartitionReplacedError(url=partition.url) from None
        return f"{partition.url}/{file.name} is gone; make the table of its interval again."
    if digest.hexdigest() == file.sha256:
        return ""
    return (
        f"{partition.url}/{file.name} is not what its manifest describes: its checksum differs, so somebody "
        "has changed it. Make the table of its interval again."
    )
