"""The result of a run: the published partitions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_convexport.export.dataset.manifest import Manifest
    from airflow_provider_convexport.export.publish.plan import Plan


@dataclass(frozen=True, slots=True)
class Published:
    """A partition that a run has published.

    :param key: The partition's key in Airflow, such as ``2026-04-01``.
    :param url: URL of its manifest.
    :param manifest: Its manifest.
    """

    key: str
    url: str
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a run.

    :param plan: The plan that was carried out.
    :param written: The partitions whose version is of this run of the task, in chronological order. Those
        that an earlier try wrote are among them: their asset event may not have been sent.
    :param unchanged: Number of partitions that keep the version of another run.
    :param kept: Number of partitions among ``written`` that an earlier try wrote and that stay as they are.
    :param replaced: Keys of the partitions among ``written`` that held another version when this try began.
    """

    plan: Plan
    written: list[Published]
    unchanged: int = 0
    kept: int = 0
    replaced: frozenset[str] = frozenset()

    def compared_with(self, before: Mapping[str, Manifest | None]) -> Outcome:
        """Return the same with ``replaced``.

        :param before: The manifests that were there when this try began, by the keys of their partitions.
        """
        there = {key: manifest.commit for key, manifest in before.items() if manifest is not None}
        replaced = (
            each.key
            for each in self.written
            if there.get(each.key, each.manifest.commit) != each.manifest.commit
        )
        return replace(self, replaced=frozenset(replaced))

    @property
    def records(self) -> int:
        """Number of records in the partitions that were written."""
        return sum(each.manifest.records for each in self.written)

    @property
    def files(self) -> int:
        """Number of files in the partitions that were written."""
        return sum(len(each.manifest.files) for each in self.written)

    @property
    def bytes(self) -> int:
        """Total size of these files."""
        return sum(file.bytes for each in self.written for file in each.manifest.files)
