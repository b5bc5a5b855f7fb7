"""A manifest of one partition, for tests of what reads it."""

from __future__ import annotations

from typing import Any

from airflow_provider_convexport.export.dataset.manifest import (
    FORMAT_VERSION,
    FileEntry,
    Manifest,
    RunFacts,
    Span,
)
from tests.support.samples import days


def manifest_of(**changes: Any) -> Manifest:
    """Return the manifest of one day, except for some fields."""
    facts: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "provider_version": "1.2.3",
        "vendor": "acme",
        "stream": "conversations",
        "scope": {"bot": "b"},
        "filters": {"agent": "a"},
        "window_on": "created",
        "partition": Span.of(days(1)),
        "interval": Span.of(days(2)),
        "records": 3,
        "first_record_at": "2026-04-01T00:00:00Z",
        "last_record_at": "2026-04-01T23:59:59.999999Z",
        "files": [FileEntry("part-0-00000.jsonl.gz", 3, 100, 400, "ab" * 32)],
        "run": RunFacts(4, 5, 1, 2, 1, 0.123),
        "dag_id": "dag",
        "task_id": "task",
        "run_id": "manual__1",
        "map_index": -1,
        "try_number": 2,
        "commit": "0123456789abcdef",
        "committed_at": "2026-04-02T03:00:00Z",
    }
    return Manifest(**facts | changes)
