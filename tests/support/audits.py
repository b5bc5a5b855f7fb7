"""Audits of what the simulator's vendors have exported, for tests."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.audit.run import AuditOutcome, AuditRun
from airflow_provider_convexport.export.window import Window
from airflow_provider_convexport.hooks.vendors import hook_of
from tests.support.exports import export
from tests.support.samples import DAY
from tests.support.stores import local_store
from tests.support.streams import MIDNIGHT, Case, cases_by_update, cases_of

if TYPE_CHECKING:
    from airflow_provider_convexport.simulator.server import RunningSimulator

FIRST = MIDNIGHT - 20 * DAY
"""First day of what tests export, so long ago that all replies to it lie in the past."""
LAST = FIRST + 6 * DAY
"""End of it, exclusive."""
AUDITED = FIRST + 2 * DAY
"""A day with neighbours on both sides."""


def datasets_of(vendor: str) -> list[Case]:
    """Return everything that a vendor can be exported by."""
    return [*cases_of(vendor), *cases_by_update(vendor)]


def export_all(vendor: str, root: Path, start: datetime = FIRST, end: datetime = LAST, **kwargs: Any) -> None:
    """Export all streams of a vendor, each into a folder of its own."""
    for case in datasets_of(vendor):
        export(case, root / str(case), start, end, **kwargs)


def audit(
    vendor: str,
    root: Path,
    *,
    cases: Iterable[Case] = (),
    start: datetime = AUDITED,
    days: int = 1,
    share: float = 1.0,
    **kwargs: Any,
) -> AuditOutcome:
    """Audit some days of some streams, by default of all, of what `export_all` has exported.

    :param cases: The streams; what the others hold is read, too.
    :param kwargs: Further arguments of `AuditRun`.
    """
    hook = hook_of(vendor)()  # type: ignore[call-arg]
    stores = [local_store(root / str(case)) for case in cases] or [local_store(root)]
    return AuditRun(
        hook,
        stores,
        Window(start, start + days * DAY),
        share,
        beside=[local_store(root)],
        **kwargs,
    ).run()


def records_of(
    simulator: RunningSimulator, case: Case, start: datetime = AUDITED, days: int = 1
) -> list[dict[str, Any]]:
    """Return the vendor's records of some days, by time."""
    found = simulator.truth(case.vendor, case.stream, start, start + days * DAY, window_on=case.truth_on)
    return [json.loads(each) for each in found]


def verdicts(outcome: AuditOutcome) -> dict[str, dict[str, int]]:
    """Return the numbers that are not zero, by dataset and check."""
    found: dict[str, dict[str, int]] = {}
    for partition, result in outcome.audited:
        for check, counts in result.checks.items():
            for verdict in ("late", "missing", "changed", "deleted", "unlisted", "unknown"):
                if number := getattr(counts, verdict):
                    name = f"{partition.store.url.rpartition('/')[2]}/{partition.folder.rpartition('/')[2]}"
                    found.setdefault(f"{name} {check}", {})[verdict] = number
    return found
