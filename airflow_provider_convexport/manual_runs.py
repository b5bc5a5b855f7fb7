"""Dag params with which people choose the interval of a run that they start by hand.

Airflow shows them in the trigger form and hands them to the run as its ``conf``; `interval` reads them there.
Scheduled runs and backfills have a data interval, and their ``conf`` does not name another one.
"""

from __future__ import annotations

from typing import Literal

from airflow.sdk import Param

_INTERVAL = (
    "Start (included) and end (excluded) with their time zone, one a line, such as 2026-04-01T00:00:00Z and "
    "2026-04-02T00:00:00Z. Left empty, the run exports the data interval that is chosen above: if it is not "
    "changed, the schedule's last one that is over, such as yesterday."
)
_LAST_WHOLE = (
    "Matters only if the run has neither an interval nor a data interval, such as a run without a logical "
    "date: it then exports the last day or hour in UTC that was over when it was started."
)


def interval_params(*, last_whole: Literal["day", "hour"] = "day") -> dict[str, Param]:
    """Return the Dag params ``interval`` and ``last_whole``, for ``DAG(params=...)``.

    Without ``last_whole`` among a Dag's params, a manual run that names no interval fails.

    :param last_whole: What such a run exports by default: the last whole day or the last whole hour, in UTC.
    """
    return {
        "interval": Param(
            None, type=["array", "null"], items={"type": "string"}, title="Interval", description=_INTERVAL
        ),
        "last_whole": Param(
            last_whole,
            enum=["day", "hour"],
            title="Without an interval: the last whole",
            description=_LAST_WHOLE,
        ),
    }
