"""Names that Airflow 3.1, 3.2 and 3.3 keep in different modules, and the rescheduling of a task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowNotFoundException,
    AirflowSkipException,
    BaseHook,
    Stats,
    conf,
    mask_secret,
)

try:
    from airflow.sdk.exceptions import AirflowRescheduleException
except ImportError:  # Airflow 3.1
    from airflow.exceptions import AirflowRescheduleException

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowRescheduleException",
    "AirflowSkipException",
    "BaseHook",
    "Stats",
    "conf",
    "mask_secret",
    "reschedule_at",
]


def reschedule_at(moment: datetime) -> AirflowRescheduleException:
    """Return the exception that hands a task's slot back until ``moment`` without using up a retry."""
    return AirflowRescheduleException(moment)  # type: ignore[no-untyped-call]
