"""What a run has published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_convexport.export.dataset.manifest import Manifest
    from airflow_provider_convexport.export.publish.plan import Plan


@dataclass(frozen=True, slots=True)
class Published:
    """One partition as it stands after a run.

    :param key: The partition's key for Airflow, such as ``2026-04-01``.
    :param url: URL of its manifest.
    :param manifest: Its manifest.
    """

    key: str
    url: str
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run published.

    :param plan: The plan that was carried out.
    :param written: The partitions that have a new version, in order.
    :param unchanged: Number of the partitions that were left as they were.
    """

    plan: Plan
    written: list[Published]
    unchanged: int = 0

    @property
    def records(self) -> int:
        """Records published."""
        return sum(each.manifest.records for each in self.written)

    @property
    def files(self) -> int:
        """Files published."""
        return sum(len(each.manifest.files) for each in self.written)

    @property
    def bytes(self) -> int:
        """Size of all files published."""
        return sum(file.bytes for each in self.written for file in each.manifest.files)
