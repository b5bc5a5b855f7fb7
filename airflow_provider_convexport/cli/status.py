"""The command ``airflow convexport status``: what is published under a destination, and what is missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_convexport.cli.asked_days import asked_days, reading_span
from airflow_provider_convexport.cli.console import Answer, as_json, console_command
from airflow_provider_convexport.cli.coverage import coverage_of
from airflow_provider_convexport.cli.expected import LEGEND
from airflow_provider_convexport.cli.options import scope_of
from airflow_provider_convexport.cli.progress import progress_bar
from airflow_provider_convexport.cli.reports import reports_of, root_of
from airflow_provider_convexport.cli.staging import (
    old_staging,
    staging_age,
    staging_lines,
    staging_values,
)
from airflow_provider_convexport.cli.verify import Verification, verified_lines, verified_values
from airflow_provider_convexport.cli.words import all_bounds, bounds, calendar, counted, list_of, named_values
from airflow_provider_convexport.destination import store_at
from airflow_provider_convexport.export.dataset.listing import objects_below
from airflow_provider_convexport.export.window import iso

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from airflow_provider_convexport.cli.coverage import Damaged
    from airflow_provider_convexport.cli.expected import AskedDays, Report
    from airflow_provider_convexport.cli.progress import Progress
    from airflow_provider_convexport.cli.staging import OldStaging
    from airflow_provider_convexport.cli.verify import Verified
    from airflow_provider_convexport.export.dataset.store import Store

NOTHING, GAPS, DAMAGE = 3, 4, 5
"""Exit codes: nothing is published there; days are missing and ``--fail-on-gaps``; something is damaged."""


class Findings(NamedTuple):
    """What a destination holds.

    :param url: The destination.
    :param reports: A report for each dataset.
    :param damaged: The manifests that cannot be read.
    :param verified: The comparison of manifests and files; ``None`` if it was not asked for.
    :param staging: The staging of tasks.
    """

    url: str
    reports: Sequence[Report]
    damaged: Sequence[Damaged]
    verified: Verified | None
    staging: OldStaging

    @property
    def is_damaged(self) -> bool:
        """Whether a manifest cannot be read, or a file is gone or has another size."""
        return bool(self.damaged or (self.verified and self.verified.wrong))


@console_command
def status(options: argparse.Namespace) -> Answer:
    """Return what is published under a destination and what is missing, as text or as JSON.

    :raises ConfigurationError: if the destination or an option cannot be used.
    """
    age = staging_age(options.staging_age)
    asked = asked_days(options)
    scope = scope_of(options.scope, conn_id=None)
    store = store_at(options.destination, conn_id=options.destination_conn_id)
    with progress_bar() as progress:
        found = _findings(options, store, asked=asked, scope=scope, age=age, progress=progress)
    text = as_json(findings_values(found)) if options.output == "json" else findings_text(found)
    return Answer(text, exit_code(found, fails_on_gaps=options.fail_on_gaps))


def exit_code(found: Findings, *, fails_on_gaps: bool) -> int:
    """Return the command's exit code; damage counts more than gaps.

    :param fails_on_gaps: Whether missing days are a failure.
    """
    if found.is_damaged:
        return DAMAGE
    if not found.reports:
        return NOTHING
    return GAPS if fails_on_gaps and any(report.gaps for report in found.reports) else 0


def findings_text(found: Findings) -> str:
    """Return a summary, a calendar and sentences for each dataset, and sentences about what is wrong."""
    parts = [coverage_text(found.reports, found.url), "\n".join(_damage_lines(found.damaged))]
    if found.verified is not None:
        parts.append("\n".join(verified_lines(found.verified)))
    parts.append("\n".join(staging_lines(found.staging)))
    return "\n\n".join(filter(None, parts))


def findings_values(found: Findings) -> dict[str, Any]:
    """Return the same as JSON values; spans of time are half-open pairs of ISO-8601 texts in UTC."""
    return {
        "datasets": coverage_values(found.reports),
        "damaged": [each._asdict() for each in found.damaged],
        "verified": None if found.verified is None else verified_values(found.verified),
        "staging": staging_values(found.staging),
    }


def coverage_text(reports: Sequence[Report], url: str) -> str:
    """Return a line for each dataset, and then a calendar and sentences for each.

    :param url: The destination that the datasets lie under.
    """
    if not reports:
        return f"Nothing is published under {url}."
    blocks = ["\n".join(_dataset_lines(report)) for report in reports]
    return "\n\n".join(["\n".join(_summary_lines(reports)), *blocks, LEGEND])


def coverage_values(reports: Iterable[Report]) -> list[dict[str, Any]]:
    """Return the reports as JSON values."""
    return [_dataset_values(report) for report in reports]


def _findings(
    options: argparse.Namespace,
    store: Store,
    *,
    asked: AskedDays,
    scope: Mapping[str, str] | None,
    age: timedelta,
    progress: Progress,
) -> Findings:
    now = datetime.now(UTC)
    progress.begin("Listing what is published")
    verification = None
    if options.verify:
        verification = Verification({each.name: each.bytes for each in objects_below(store, "")})
    names = store.find("") if verification is None else sorted(verification.sizes)
    span = reading_span(asked, now)
    datasets, damaged = coverage_of(
        store,
        names,
        scope=scope,
        span=span,
        progress=progress,
        look=None if verification is None else verification.look,
    )
    verified = None
    if verification is not None:
        progress.begin("Looking again at what seems wrong")
        is_partial = scope is not None or span is not None
        verified = verification.finish(store, is_partial=is_partial, damaged=(each.name for each in damaged))
    progress.begin("Looking for old staging")
    staging = old_staging(store, names, age=age, sweeps=options.sweep_staging, shows_all=options.verify)
    return Findings(store.url, reports_of(store, names, datasets, asked, now), damaged, verified, staging)


def _name(report: Report) -> str:
    key = report.dataset.key
    root = root_of(key)  # the scope is named behind
    folder = f"{root}: " if root else ""
    selection = named_values({**report.dataset.scope, **report.dataset.filters})
    return f"{folder}{key.vendor} {key.stream} by {key.window_on}{selection}"


def _summary_lines(reports: Sequence[Report]) -> Iterator[str]:
    width = max(len("dataset"), *(len(_name(report)) for report in reports))
    yield (
        f"{'dataset':<{width}} {'days':>6} {'empty':>6} {'missing':>8} {'unsettled':>10} {'records':>11}  "
        "last commit"
    )
    for report in reports:
        days, empty, missing, unsettled = report.totals
        records = sum(each.records for each in report.partitions)
        commit = report.last_commit
        yield (
            f"{_name(report):<{width}} {days:>6} {empty:>6} {missing:>8} {unsettled:>10} {records:>11,}  "
            f"{iso(commit) if commit else '-'}"
        )


def _dataset_lines(report: Report) -> Iterator[str]:
    yield _name(report)
    yield ""
    yield from calendar(report.marks)
    yield ""
    records, size = _amount(report)
    span = f", {report.span}," if report.span else ""
    yield (
        f"{counted(len(report.partitions), 'partition')}{span} with "
        f"{counted(records, 'record')} in {counted(size, 'byte')}."
    )
    yield f"Not published: {list_of(report.gaps)}. No records: {list_of(report.empty)}."
    if report.waiting:
        yield f"Not published, and not yet due: {list_of(report.waiting)}."
    if report.early:
        yield (f"Exported before the vendor had all records: {list_of(report.early)}; export it again.")
    if report.overlaps:
        yield f"Published more than once: {list_of(report.overlaps)}."
    if report.expired:
        yield f"No longer kept by the vendor when exported: {list_of(report.expired)}."


def _amount(report: Report) -> tuple[int, int]:
    return sum(each.records for each in report.partitions), sum(each.bytes for each in report.partitions)


def _dataset_values(report: Report) -> dict[str, Any]:
    key, totals = report.dataset.key, report.totals
    records, size = _amount(report)
    return {
        "folder": key.folder,
        "vendor": key.vendor,
        "stream": key.stream,
        "scope": report.dataset.scope,
        "filters": report.dataset.filters,
        "window_on": key.window_on,
        "timezone": report.zone.key,
        "span": bounds(report.span) if report.span else None,
        "partitions": len(report.partitions),
        "records": records,
        "bytes": size,
        "totals": totals._asdict(),
        "last_commit": iso(report.last_commit) if report.last_commit else None,
        "gaps": all_bounds(report.gaps),
        "not_due": all_bounds(report.waiting),
        "early": all_bounds(report.early),
        "empty": all_bounds(report.empty),
        "overlaps": all_bounds(report.overlaps),
        "expired": all_bounds(report.expired),
        "days": {f"{day:%Y-%m-%d}": mark for day, mark in report.marks},
    }


def _damage_lines(damaged: Sequence[Damaged]) -> Iterator[str]:
    if damaged:
        yield f"{counted(len(damaged), 'manifest')} cannot be read, so what they describe counts as missing:"
        yield from (f"  {each.problem}" for each in damaged)
