"""Tuning of staging and memory; the defaults suit production, tests use smaller values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Tuning:
    """Intervals and sizes of staging and publication, and memory for deduplication.

    :param flush_seconds: Maximum time between two staged objects while records arrive.
    :param flush_bytes: Compressed bytes in memory after which they are staged; one page may exceed them.
    :param pending_bytes: Uncompressed bytes in memory, of all partitions, after which they are staged; one
        page may exceed them.
    :param remembered_ids: Minimum number of recent ids in memory for deduplication while pages arrive.
    :param cursor_max_age: Older cursors of a checkpoint are not used, and their request windows start again.
        No vendor documents the lifetime of a cursor.
    :param store_threads: How many operations on the destination run at the same time at most, while
        partitions are looked at and published.
    """

    flush_seconds: float = 4.0
    flush_bytes: int = 2 * 2**20
    pending_bytes: int = 8 * 2**20
    remembered_ids: int = 16_384
    cursor_max_age: timedelta = timedelta(hours=1)
    store_threads: int = 32
