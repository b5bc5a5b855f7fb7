"""The check "list": another endpoint of the vendor lists the same records."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_convexport.audit.entries import Shape

if TYPE_CHECKING:
    from airflow_provider_convexport.audit.findings import Findings
    from airflow_provider_convexport.audit.ground import Ground
    from airflow_provider_convexport.audit.second_views import Listing
    from airflow_provider_convexport.audit.subject import Subject


def check_listing(ground: Ground, subject: Subject, view: Listing, findings: Findings) -> None:
    """Compare the ids of a partition with those that the vendor lists for the same half-open span.

    An id that is listed, but neither published nor in the vendor's export, is missing. One that is listed and
    in the export is late, which the comparison of the content finds, too.
    """
    if subject.query.window_on != view.window_on:
        return
    check, stream = "list", view.stream
    query = replace(subject.query, stream=stream, page_size=None, request_window=None)
    listed = ground.asked(query, subject.covers, Shape(stream.id_field, stream.time_fields[view.window_on]))
    findings.begin(check, len(listed))
    for key, entry in listed.items():
        if key in subject.ours:
            continue
        if entry.moment is None:
            findings.note(check, key, "unknown")
        else:
            findings.note(check, key, "late" if key in subject.theirs else "missing")
    for key in subject.ours.keys() & (subject.theirs.keys() - listed.keys()):
        findings.note(check, key, "unlisted")
