"""The sum of the pauses that a vendor asked a task for.

It is kept apart from the checkpoint, which becomes too old to be resumed and belongs to one fingerprint. A
vendor that asks for a day again and again, or for a pause before there is a checkpoint, would otherwise
postpone the task for ever.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_convexport.durations import in_words
from airflow_provider_convexport.errors import IncompleteExportError
from airflow_provider_convexport.export.stage.checkpoint import Saved
from airflow_provider_convexport.export.stage.staged_name import staged, task_folder

if TYPE_CHECKING:
    from airflow_provider_convexport.errors import RateLimitedError
    from airflow_provider_convexport.export.stage.attempt import Attempt

_PAUSES = "pauses.json"


class Pauses(Saved, frozen=True, kw_only=True):
    """The pauses of all attempts of a task instance since it was last ended because of them.

    :param seconds: Their sum in seconds.
    """

    seconds: float


def count_pause(attempt: Attempt, error: RateLimitedError, *, max_pause: timedelta, now: float) -> None:
    """Add a pause to those that this and earlier attempts were asked for, however long ago.

    If the sum is too long, it starts again at zero, so that a later retry is not ended by its first pause.

    :param attempt: The running attempt.
    :param error: The vendor's wish.
    :param max_pause: Maximum total time for which the vendor may ask the task to pause.
    :param now: The current time in epoch seconds.
    :raises IncompleteExportError: if the sum is longer than ``max_pause``.
    :raises SupersededError: if a newer attempt has taken over.
    """
    attempt.check()
    seconds = _earlier(attempt) + error.retry_after.total_seconds()
    is_too_long = seconds > max_pause.total_seconds()
    kept = Pauses(saved_at=now, seconds=0.0 if is_too_long else seconds)
    attempt.store.put(attempt.path(_PAUSES), msgspec.json.encode(kept))
    if is_too_long:
        raise IncompleteExportError(
            f"{error.endpoint} asked for pauses of {in_words(timedelta(seconds=round(seconds)))} in total, "
            f"longer than max_pause={in_words(max_pause)}; nothing was published, and progress "
            "is kept for a later retry. Look for other programs that use up the vendor's limit."
        ) from error


def _earlier(attempt: Attempt) -> float:
    """Return the sum that the newest attempt has kept, whatever its settings."""
    found = [each for each in staged(attempt.store, task_folder(attempt.task)) if each.name == _PAUSES]
    if not found:
        return 0.0
    content = attempt.store.get(max(found, key=lambda each: each.attempt).path)
    try:
        return 0.0 if content is None else msgspec.json.decode(content, type=Pauses).seconds
    except msgspec.DecodeError:
        return 0.0  # written by a version of this package with another format
