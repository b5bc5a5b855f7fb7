"""The result of a collection."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_convexport.export.stage.dedup import StagedIds, find_duplicates

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_convexport.export.fetch.usage import Usage
    from airflow_provider_convexport.export.stage.partitioner import Counts
    from airflow_provider_convexport.export.stage.segment import Segment


@dataclass(frozen=True, slots=True)
class Collected:
    """The result of a collection: all records of a run's interval are staged.

    :param requested_at: When the first request was sent, in epoch seconds; no staged record is older.
    :param segments: All staged segments.
    :param counts: How many records were kept and dropped.
    :param usage: What all attempts together requested from the vendor.
    :param may_hold_duplicates: Whether a record may be in two segments, because its id was no longer in
        memory when it was received again.
    :param ids: The ids of those segments that this attempt has staged.
    :param latest: Name and content of the object that this attempt has staged last.
    """

    requested_at: float
    segments: Sequence[Segment]
    counts: Counts
    usage: Usage
    may_hold_duplicates: bool
    ids: StagedIds = field(default_factory=StagedIds)
    latest: tuple[str, bytes] | None = None

    def find_duplicates(self, ids_of: Callable[[Segment], list[str]]) -> dict[int, frozenset[int]]:
        """Return the lines that are duplicates; see `dedup.find_duplicates`. Call it once, at the end."""
        with contextlib.closing(self.ids):
            return find_duplicates(self.segments, ids_of, self.ids) if self.may_hold_duplicates else {}
