"""The command ``airflow convexport audit``: what is published beside what the vendor says, and the files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_convexport.audit.report import outcome_values, report_lines
from airflow_provider_convexport.audit.run import AuditOutcome, AuditRun
from airflow_provider_convexport.audit.sample import check_share
from airflow_provider_convexport.cli.asked_days import asked_days
from airflow_provider_convexport.cli.console import Answer, as_json, console_command
from airflow_provider_convexport.cli.file_audit import FileFindings, file_findings, file_lines, file_values
from airflow_provider_convexport.cli.options import scope_of
from airflow_provider_convexport.cli.progress import progress_bar
from airflow_provider_convexport.cli.staging import staging_age
from airflow_provider_convexport.cli.status import DAMAGE, GAPS, NOTHING
from airflow_provider_convexport.destination import store_at
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.window import Window
from airflow_provider_convexport.hooks.by_connection import hook_at

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from airflow_provider_convexport.cli.expected import AskedDays
    from airflow_provider_convexport.cli.progress import Progress
    from airflow_provider_convexport.export.dataset.store import Store
    from airflow_provider_convexport.hooks.base import ExportHook

_DAYS = 30
_DAY = timedelta(days=1)


class AuditFindings(NamedTuple):
    """What was found.

    :param outcome: The comparison with the vendor; ``None`` if it was not asked for.
    :param files: The files of each destination; empty if they were not asked for.
    """

    outcome: AuditOutcome | None
    files: list[FileFindings]

    @property
    def code(self) -> int:
        """The exit code without ``--fail-on-gaps``; damage counts more than that nothing is published."""
        if any(each.is_damaged for each in self.files):
            return DAMAGE
        published = self.outcome.published if self.outcome else sum(each.partitions for each in self.files)
        return 0 if published else NOTHING


@console_command
def audit(options: argparse.Namespace) -> Answer:
    """Return what an audit has found, as text or as JSON.

    :raises ConfigurationError: if an option cannot be used; no request was sent then.
    """
    if not (options.conn_id or options.files):
        raise ConfigurationError(
            "There is nothing to audit: name the vendor's connection with --conn-id, or look at the files "
            "with --files."
        )
    if options.repair and not options.files:
        raise ConfigurationError("--repair concerns files; add --files.")
    share = check_share(options.share)
    age = staging_age(options.staging_age)
    now = datetime.now(UTC)
    window = _window(asked_days(options), now)
    scope = scope_of(options.scope, conn_id=None)
    stores = [store_at(each, conn_id=options.destination_conn_id) for each in options.destination]
    hook = hook_at(options.conn_id, scope) if options.conn_id else None
    with progress_bar() as progress:
        files = [
            file_findings(each, window, scope, age=age, repairs=options.repair, progress=progress)
            for each in (stores if options.files else ())
        ]
        outcome = None if hook is None else _compared(hook, stores, window, share, progress)
    found = AuditFindings(outcome, files)
    text = as_json(_values(found)) if options.output == "json" else "\n".join(_lines(found))
    has_gaps = options.fail_on_gaps and outcome is not None and outcome.gaps
    return Answer(text, found.code or (GAPS if has_gaps else 0))


def _compared(
    hook: ExportHook, stores: Sequence[Store], window: Window, share: float, progress: Progress
) -> AuditOutcome:
    progress.begin("Reading manifests")
    return AuditRun(
        hook,
        stores,
        window,
        share,
        begin=lambda total: progress.begin("Asking the vendor", total=total),
        advance=progress.advance,
    ).run()


def _window(asked: AskedDays, now: datetime) -> Window:
    """Return the range in UTC: by default the thirty days up to yesterday.

    :raises ConfigurationError: if it is empty.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    end = midnight if asked.last is None else datetime(*asked.last.timetuple()[:3], tzinfo=UTC) + _DAY
    start = end - _DAYS * _DAY if asked.first is None else datetime(*asked.first.timetuple()[:3], tzinfo=UTC)
    if start >= end:
        raise ConfigurationError(f"--from {start:%Y-%m-%d} has not ended yet; write an earlier day.")
    return Window(start, end)


def _lines(found: AuditFindings) -> list[str]:
    lines = [line for each in found.files for line in file_lines(each)]
    return lines + ([] if found.outcome is None else list(report_lines(found.outcome)))


def _values(found: AuditFindings) -> dict[str, Any]:
    return {
        "audit": None if found.outcome is None else outcome_values(found.outcome),
        "files": [file_values(each) for each in found.files],
    }
