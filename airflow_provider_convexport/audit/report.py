"""An audit in words, and as values for programs and for asset events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

import msgspec

from airflow_provider_convexport.export.dataset.folders import dataset_of, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_convexport.audit.findings import CheckResult
    from airflow_provider_convexport.audit.run import Audited, AuditOutcome
    from airflow_provider_convexport.export.dataset.reader import PublishedPartition

_VERDICTS = ("late", "missing", "changed", "deleted", "unlisted", "unknown")
_ADVICE = (
    "Late records are in the vendor's export now: export the interval again. Missing ones are only in "
    "another view of the vendor: its export leaves them out, so ask the vendor."
)

FAILED_AUDIT_KEY = "convexport_failed_audit"
"""Key of the XCom with the facts of an audit that failed its task, which then sends no asset event."""


class AuditFacts(TypedDict):
    """What ``ExportAuditOperator.execute`` returns, and what the asset events of its outlets carry.

    ``dataset`` is the destination's URL. ``audit`` has for each audited partition, by its key such as
    ``2026-04-01``, ``ok``, ``gaps``, ``changed`` and ``commit``.
    """

    vendor: str
    stream: str
    scope: dict[str, str]
    dataset: str
    audit: dict[str, dict[str, Any]]


def key_of(partition: PublishedPartition) -> str:
    """Return a partition's key: ``2026-04-01`` for a day, otherwise its start in UTC to the second."""
    if kind_of(partition.folder) == "day":
        return partition.folder.rpartition("dt=")[2]
    return partition.manifest.partition.window.start.strftime("%Y-%m-%dT%H:%M:%S")


def event_audit(audited: Iterable[Audited]) -> dict[str, dict[str, Any]]:
    """Return the results by the partitions' keys, as asset events carry them."""
    return {
        key_of(partition): {
            "ok": audit.ok,
            "gaps": audit.gaps,
            "changed": audit.changed,
            "commit": audit.commit,
        }
        for partition, audit in audited
    }


def sentence_of(audited: Audited) -> str:
    """Return one sentence about a partition, and its warnings."""
    partition, audit = audited
    findings = [
        f"{name} {', '.join(counts)}" for name, result in audit.checks.items() if (counts := _counts(result))
    ]
    verdict = "shows no gap" if audit.ok else f"has {_gaps(audit.gaps)}"
    return " ".join([f"{partition.url} {verdict}{_after(findings)}.", *audit.warnings])


def report_lines(outcome: AuditOutcome) -> Iterator[str]:
    """Yield a sentence for each partition, those with gaps first, and one that sums up."""
    yield from (sentence_of(each) for each in sorted(outcome.audited, key=lambda one: one.audit.ok))
    yield summary_of(outcome)


def summary_of(outcome: AuditOutcome) -> str:
    """Return a sentence about the whole audit, and, if there are gaps, what to do."""
    requests = sum(each.audit.requests for each in outcome.audited)
    left = {
        "not in the sample": outcome.not_sampled,
        "not settled": outcome.unsettled,
        "no longer kept by the vendor": outcome.expired,
        "replaced meanwhile": outcome.replaced,
    }
    others = [f"{count} {reason}" for reason, count in left.items() if count]
    summary = (
        f"Audited {len(outcome.audited)} of {outcome.published} partitions with {requests} requests: "
        f"{_gaps(outcome.gaps)}{_after(others)}."
    )
    return f"{summary} {_ADVICE}" if outcome.gaps else summary


def outcome_values(outcome: AuditOutcome) -> dict[str, Any]:
    """Return the whole audit as JSON values."""
    return {
        "partitions": [
            {
                "url": partition.url,
                "dataset": dataset_of(partition.url),
                "stream": partition.manifest.stream,
                "key": key_of(partition),
                **msgspec.to_builtins(audit),
            }
            for partition, audit in outcome.audited
        ],
        "published": outcome.published,
        "gaps": outcome.gaps,
        "not_sampled": outcome.not_sampled,
        "unsettled": outcome.unsettled,
        "expired": outcome.expired,
        "replaced": outcome.replaced,
    }


def _counts(result: CheckResult) -> list[str]:
    return [f"{count} {verdict}" for verdict in _VERDICTS if (count := getattr(result, verdict))]


def _gaps(count: int) -> str:
    return {0: "no gap", 1: "1 gap"}.get(count, f"{count} gaps")


def _after(parts: list[str]) -> str:
    return f" ({'; '.join(parts)})" if parts else ""
