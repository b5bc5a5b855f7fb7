"""What sets the pace and the memory of an export; the defaults suit production, tests choose smaller ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Tuning:
    """Pace and memory of one export.

    :param flush_seconds: Longest time between two staged objects while records arrive.
    :param flush_bytes: Compressed bytes held in memory before they are staged; a page more is possible.
    :param remembered_ids: Ids of recent records that are remembered for deduplication while pages arrive.
    :param cursor_max_age: A checkpoint's cursors are not used when they are older; their request windows then
        begin again. No vendor says how long a cursor lives.
    """

    flush_seconds: float = 4.0
    flush_bytes: int = 2 * 2**20
    remembered_ids: int = 16_384
    cursor_max_age: timedelta = timedelta(hours=1)
