"""One partition under audit, read on both sides; and the checks that need no second view."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING

from airflow_provider_convexport.audit.entries import Shape
from airflow_provider_convexport.export.dataset.folders import kind_of
from airflow_provider_convexport.export.publish.digest import digest_of_digests
from airflow_provider_convexport.export.window import Window, iso

if TYPE_CHECKING:
    from airflow_provider_convexport.audit.entries import Entries
    from airflow_provider_convexport.audit.findings import Findings
    from airflow_provider_convexport.audit.ground import Ground
    from airflow_provider_convexport.export.dataset.reader import PublishedPartition
    from airflow_provider_convexport.export.fetch.stream import Query

_SECOND = timedelta(seconds=1)
_WEEK = timedelta(days=7)
_WEEKS = 8
_LEAST_WEEKS = 3
"""Earlier partitions that a median needs."""
_FEWER, _MORE, _SMALL = 0.5, 2.0, 20
"""Shares of the median beyond which a volume is unusual, unless the difference is smaller than the last."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A partition and its records on both sides.

    :param partition: The partition.
    :param query: The query that exported it.
    :param shape: What was decoded of its records.
    :param ours: The published records.
    :param theirs: The records that the vendor's export has now in the same span of time.
    """

    partition: PublishedPartition
    query: Query
    shape: Shape
    ours: Entries
    theirs: Entries

    @property
    def covers(self) -> Window:
        """The span of time for which the partition is complete."""
        return self.partition.manifest.covers

    @property
    def moves(self) -> bool:
        """Whether a later change of a record moves it to another partition."""
        return self.query.window_on != self.query.stream.default_window_on


def read_again(
    ground: Ground, partition: PublishedPartition, query: Query, facts: tuple[str, ...]
) -> Subject:
    """Ask the vendor for a partition's records again, and read the published ones unless they are the same.

    :param facts: Members of the records that further checks need.
    """
    stream, manifest = query.stream, partition.manifest
    shape = Shape(stream.id_field, stream.time_fields[query.window_on], facts)
    theirs = ground.asked(query, manifest.covers, shape)
    digest = digest_of_digests(each.digest for each in theirs.values())
    same = manifest.content_digest == digest and manifest.records == len(theirs)
    ours = theirs if same else ground.published(partition, shape)
    return Subject(partition, query, shape, ours, theirs)


def check_content(subject: Subject, findings: Findings) -> None:
    """Compare the published records with those that the vendor has now, as `Verdict` describes.

    Where a record's time moves, one that the vendor no longer has in this span has moved on. None can have
    moved into a span that was over when it was exported, because times move forward only.
    """
    check, (ours, theirs) = "content", (subject.ours, subject.theirs)
    findings.begin(check, len(ours))
    for key, entry in theirs.items():
        if key not in ours:
            findings.note(check, key, "unknown" if entry.moment is None else "late")
        elif ours[key].digest != entry.digest:
            findings.note(check, key, "changed")
    for key in ours.keys() - theirs.keys():
        # Nobody knows in which window the vendor sends a record without a time.
        undated = ours[key].moment is None
        findings.note(check, key, "unknown" if undated else "changed" if subject.moves else "deleted")


def check_edges(ground: Ground, subject: Subject, findings: Findings) -> None:
    """Ask for a second on each side of both ends; what the vendor sends must be on one of the sides."""
    check = "edges"
    for edge in (subject.covers.start, subject.covers.end):
        found = ground.asked(subject.query, Window(edge - _SECOND, edge + _SECOND), subject.shape)
        findings.begin(check, len(found))
        for key, entry in found.items():
            if key not in subject.ours and entry.moment is not None:
                _check_neighbour(ground, subject, findings, key, entry.moment)


def _check_neighbour(ground: Ground, subject: Subject, findings: Findings, key: str, moment: float) -> None:
    held = list(ground.neighbours(subject.partition, moment))
    shape = Shape(subject.shape.id_field, subject.shape.time_field)
    for partition in held:
        own = partition.url == subject.partition.url
        if not own and key in ground.published(partition, shape):
            return
    findings.note("edges", key, "late" if held else "unknown")


def check_volume(ground: Ground, subject: Subject, findings: Findings) -> None:
    """Compare the number of records with the median of the same weekday's earlier partitions; warn only."""
    manifest = subject.partition.manifest
    if kind_of(subject.partition.folder) == "interval":
        return
    weeks = {manifest.partition.window.start - number * _WEEK for number in range(1, _WEEKS + 1)}
    earlier = [
        each.manifest.records
        for each in ground.dataset(subject.partition)
        if each.manifest.partition.window.start in weeks
    ]
    if len(earlier) < _LEAST_WEEKS:
        return
    findings.begin("volume", len(earlier))
    usual, records = median(earlier), manifest.records
    if abs(records - usual) > _SMALL and not _FEWER * usual <= records <= _MORE * usual:
        findings.warnings.append(
            f"{iso(manifest.partition.window.start)} has {records} records; the median of the same weekday "
            f"in the {len(earlier)} partitions before is {usual:g}."
        )
