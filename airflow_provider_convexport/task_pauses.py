"""The sum of the pauses that a vendor asked a ``@task`` for, kept in Airflow's task state store.

The operators keep theirs beside the checkpoint. Airflow 3.1 and 3.2 have nothing that a rescheduled task
finds again, so nothing is counted there.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context

from airflow_provider_convexport.durations import in_words
from airflow_provider_convexport.errors import ConfigurationError, IncompleteExportError

if TYPE_CHECKING:
    from airflow_provider_convexport.errors import RateLimitedError

log = logging.getLogger(__name__)

PAUSES_KEY = "convexport_pauses"
"""Key in the task state store (Airflow 3.3)."""

_RETENTION = timedelta(days=30)
"""Longer than any single pause; each pause begins it anew."""


def check_max_pause(max_pause: object) -> None:
    """Check the argument.

    :raises ConfigurationError: if it is neither ``None`` nor a timedelta above zero.
    """
    if max_pause is not None and not (isinstance(max_pause, timedelta) and max_pause > timedelta(0)):
        raise ConfigurationError(
            f"max_pause={max_pause!r} is not a timedelta above zero; write max_pause=timedelta(days=2), "
            "which is the default, or another such length of time."
        )


def count_task_pause(error: RateLimitedError, *, max_pause: timedelta) -> None:
    """Add a pause to those that this try of the running task was asked for, over all its reschedules.

    Each further try starts at zero, also one after the task was cleared. Outside of a task, and before
    Airflow 3.3, nothing is counted.

    :param error: The vendor's wish.
    :param max_pause: Maximum total time for which the vendor may ask a try to pause.
    :raises IncompleteExportError: if the sum is longer than ``max_pause``.
    """
    try:
        context: Any = get_current_context()
    except RuntimeError:  # not in a task
        context = {}
    seconds = _add(context, error.retry_after.total_seconds())
    if seconds > max_pause.total_seconds():
        raise IncompleteExportError(
            f"{error.endpoint} asked for pauses of {in_words(timedelta(seconds=round(seconds)))} in total, "
            f"longer than max_pause={in_words(max_pause)}, so this try ends. Look for other programs that "
            "use up the vendor's limit, or read a shorter interval."
        ) from None


def _add(context: Any, seconds: float) -> float:
    """Return the sum with a further pause, and keep it."""
    store = context.get("task_state_store")
    if store is None:
        return seconds
    number = context["ti"].try_number
    try:
        kept = store.get(PAUSES_KEY)
        if isinstance(kept, dict) and kept.get("try_number") == number:
            seconds += float(kept["seconds"])
        store.set(PAUSES_KEY, {"try_number": number, "seconds": seconds}, retention=_RETENTION)
    except Exception as problem:  # noqa: BLE001 - the pause itself matters more than its sum
        log.warning("The pause could not be added to max_pause (%s).", type(problem).__name__)
    return seconds
