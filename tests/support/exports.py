"""Whole exports through the operators, without a scheduler."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow_provider_convexport.export.fetch.retry import RetryPolicy
from airflow_provider_convexport.export.stage.tuning import Tuning
from airflow_provider_convexport.hooks.base import ExportHook
from tests.support.streams import Case

USUAL = ExportHook.retry
QUICK = replace(USUAL, base_delay=USUAL.base_delay / 100, max_delay=USUAL.max_delay / 100)
"""Waits a hundredth of the usual time between two tries."""
ONCE = RetryPolicy(max_tries=1, base_delay=0.0, max_delay=0.0)
"""Tries each request once."""


def export(
    case: Case,
    destination: Path | str,
    start: datetime,
    end: datetime,
    *,
    run_id: str = "",
    retry: RetryPolicy | None = None,
    tuning: Tuning | None = None,
    outlet_events: Any = None,
    **kwargs: Any,
) -> dict[str, Any]:
    """Run the case's operator once, as a scheduled run of that interval would; return its facts.

    :param retry: How patient its client is; as the package is by default.
    :param tuning: Its pace and memory; as the package's by default.
    :param outlet_events: An event by asset, as in Airflow's context.
    :param kwargs: Further arguments of the operator.
    """
    if retry is not None:
        case = case.with_hook(lambda hook: setattr(hook, "retry", retry))
    operator = case.operator(
        task_id="export",
        destination=str(destination),
        stream=case.stream,
        window_on=case.window_on,
        **kwargs,
    )
    if tuning is not None:
        operator.tuning = tuning
    context: Any = {
        "data_interval_start": start,
        "data_interval_end": end,
        "run_id": run_id or f"scheduled__{end.isoformat()}",
        "outlet_events": outlet_events or {},
    }
    return dict(operator.execute(context))
