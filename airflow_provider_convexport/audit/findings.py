"""What an audit of a partition has found, and the object beside the manifest that keeps it: numbers only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import msgspec

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.dataset.manifest import decoded, encoded

if TYPE_CHECKING:
    from airflow_provider_convexport.export.dataset.store import Store
    from airflow_provider_convexport.export.job import TaskTry

AUDIT = "_audit.json"
FORMAT_VERSION = 1

Verdict = Literal["late", "missing", "changed", "deleted", "unlisted", "unknown"]
"""What became of a record that is not the same on both sides.

``"late"``: the vendor's export has it now, but it is not published; exporting again publishes it.
``"missing"``: only a second view of the vendor has it; its export leaves it out, so exporting again does not
help. Both are gaps. ``"changed"``: it was changed at the vendor, or its time moved it elsewhere, since it was
published. ``"deleted"``: it is published, and the vendor no longer has it. ``"unlisted"``: it is published,
but the vendor's second view leaves it out. ``"unknown"``: what would tell is not published, or cannot be
asked for.
"""
GAPS: tuple[Verdict, ...] = ("late", "missing")


class CheckResult(msgspec.Struct, frozen=True):
    """What one check has found; numbers of records.

    :param checked: Records that it compared.
    """

    checked: int = 0
    late: int = 0
    missing: int = 0
    changed: int = 0
    deleted: int = 0
    unlisted: int = 0
    unknown: int = 0


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """Content of ``_audit.json``: the audit of one version of a partition; no id and no content of a record.

    :param commit: Commit of the version that was audited; another one that is published has not been.
    :param audited_at: When, in UTC.
    :param ok: Whether there is no gap.
    :param gaps: Records that should be published and are not: those that are late or missing in any check.
    :param changed: Published records that the vendor has changed since.
    :param deleted: Published records that the vendor no longer has.
    :param unknown: Records of which a check could not tell.
    :param checks: The results by the name of the check.
    :param warnings: Sentences; they do not make an audit fail.
    :param requests: Requests that were sent to the vendor.
    """

    format_version: int
    commit: str
    audited_at: str
    ok: bool
    gaps: int
    changed: int
    deleted: int
    unknown: int
    checks: dict[str, CheckResult]
    warnings: list[str]
    requests: int
    dag_id: str
    task_id: str
    run_id: str
    map_index: int
    try_number: int

    def is_by(self, task: TaskTry) -> bool:
        """Return whether a try of a task wrote this; never for an audit by hand."""
        own = (self.dag_id, self.task_id, self.run_id, self.map_index, self.try_number)
        return bool(self.run_id) and own == (
            task.dag_id,
            task.task_id,
            task.run_id,
            task.map_index,
            task.try_number,
        )

    def encode(self) -> bytes:
        """Return the audit as indented JSON."""
        return encoded(self)


def read_audit(store: Store, folder: str) -> Audit | None:
    """Return the last audit of a partition; ``None`` if there is none that this version can read.

    It may be of a version that was replaced since; compare its commit with that of the manifest.

    :param folder: The partition's folder, relative to the store's root.
    """
    name = f"{folder}/{AUDIT}" if folder else AUDIT
    content = store.get(name)
    if content is None:
        return None
    try:
        return decoded(content, Audit, url=store.url_of(name), what="an audit")
    except ConfigurationError:
        return None  # the next audit replaces it


@dataclass(slots=True)
class Findings:
    """Collects the verdicts of all checks of one partition; the ids stay in memory."""

    warnings: list[str] = field(default_factory=list)
    _checked: dict[str, int] = field(default_factory=dict)
    _verdicts: dict[str, dict[str, Verdict]] = field(default_factory=dict)

    def begin(self, check: str, checked: int = 0) -> None:
        """Begin a check, or count more records that it compared."""
        self._checked[check] = self._checked.get(check, 0) + checked
        self._verdicts.setdefault(check, {})

    def note(self, check: str, key: str, verdict: Verdict) -> None:
        """Note what became of a record.

        :param check: Name of the check, after `begin`.
        :param key: Identifies the record, so that two checks that find the same count it once.
        """
        self._verdicts[check][key] = verdict

    def count(self, *verdicts: Verdict) -> int:
        """Return the number of records that have one of these verdicts in any check."""
        return len(
            {key for found in self._verdicts.values() for key, each in found.items() if each in verdicts}
        )

    @property
    def checks(self) -> dict[str, CheckResult]:
        """The results by the name of the check."""
        return {name: self._result(name) for name in self._checked}

    def _result(self, check: str) -> CheckResult:
        counts: dict[str, int] = {}
        for verdict in self._verdicts[check].values():
            counts[verdict] = counts.get(verdict, 0) + 1
        return CheckResult(self._checked[check], **counts)
