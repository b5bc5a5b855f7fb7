"""Reports an export to Airflow: progress in the task state store, and metrics when it is done."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.compat import Stats

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import Context

    from airflow_provider_convexport.export.fetch.stream import Stream
    from airflow_provider_convexport.export.outcome import Outcome
    from airflow_provider_convexport.export.stage.progress import Progress

log = logging.getLogger(__name__)

STATE_KEY = "convexport_progress"
"""Key in the task state store (Airflow 3.3)."""

_RETENTION = timedelta(days=7)


def progress_writer(context: Context) -> Callable[[Progress], None] | None:
    """Return a function that writes progress to the task state store; ``None`` before Airflow 3.3."""
    store: Any = context.get("task_state_store")
    if store is None:
        return None

    def write(progress: Progress) -> None:
        try:
            store.set(STATE_KEY, progress.facts(now=time.time()), retention=_RETENTION)
        except Exception as error:  # noqa: BLE001 - showing progress must never fail an export
            log.debug("The progress could not be shown: %s.", type(error).__name__)

    return write


def count_outcome(outcome: Outcome, *, stream: Stream, seconds: float) -> None:
    """Count what an export did, as ``convexport.<vendor>.<stream>.*``.

    ``records``, ``pages`` and ``requests`` are counters, ``throttled`` (seconds waited for the vendor's
    limits) and ``seconds`` are gauges of the last export.
    """
    prefix = f"convexport.{stream.vendor}.{stream.name}"
    usage = outcome.plan.usage
    Stats.incr(f"{prefix}.records", outcome.records)
    Stats.incr(f"{prefix}.pages", usage.pages)
    Stats.incr(f"{prefix}.requests", usage.requests)
    Stats.gauge(f"{prefix}.throttled", usage.throttled_seconds)
    Stats.gauge(f"{prefix}.seconds", seconds)
