"""Batches: the value that the partitioner passes to the stager."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import msgspec


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one page that belong to one partition.

    :param partition: Number of the partition in the run's grid.
    :param raws: The records' bytes.
    :param ids: The records' ids.
    :param first: Earliest time among the records, in epoch seconds; ``None`` if none has a time.
    :param last: Latest time among the records, likewise.
    """

    partition: int
    raws: Sequence[msgspec.Raw]
    ids: Sequence[str]
    first: float | None
    last: float | None
