"""Retries: which failures to retry, and how long to wait (backoff, ``Retry-After``)."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


_MAX_PAUSE = 7 * 86_400.0
"""Longer pauses are shortened to a week; vendors document a day at most."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Retries of one page, with exponential backoff and jitter. All times in seconds.

    :param max_tries: Maximum number of requests for one page.
    :param base_delay: Delay after the first failure; it doubles with each further failure.
    :param max_delay: Maximum delay; more than a minute, because that is how long a limit per minute without
        ``Retry-After`` can last.
    :param max_sleep: Longest pause requested by the vendor during which the task keeps its worker slot; for a
        longer one it is rescheduled.
    """

    max_tries: int = 9
    base_delay: float = 0.5
    max_delay: float = 64.0
    max_sleep: float = 120.0

    def backoff(self, failures: int) -> float:
        """Return the seconds to wait after ``failures`` consecutive failures, with random jitter."""
        return min(self.base_delay * 2.0 ** (failures - 1), self.max_delay) * random.uniform(0.5, 1.0)  # noqa: S311


def is_transient(status: int) -> bool:
    """Return whether the same request may succeed later."""
    return status in (408, 429) or status >= 500


def pause_asked(headers: Mapping[str, str], *, status: int, now: float) -> float | None:
    """Return the seconds that the vendor asks to wait, or ``None`` if it does not ask for a wait.

    ``Retry-After`` is obeyed with every status, in seconds or as an HTTP date; ``X-RateLimit-Reset`` (epoch
    seconds, Ada) only with status 429 without ``Retry-After``. A wait that has already passed is ignored, so
    that backoff applies: otherwise a vendor that repeats it, or a local clock that is ahead, would use up all
    tries at once.

    :param headers: The response's headers, case-insensitive.
    :param status: The response's status.
    :param now: The current time as epoch seconds.
    """
    pause: float | None = None
    if (value := headers.get("Retry-After")) is not None:
        pause = _number(value)
        if pause is None and (moment := _http_date(value)) is not None:
            pause = moment - now
    if (
        pause is None
        and status == 429
        and (reset := _number(headers.get("X-RateLimit-Reset", ""))) is not None
    ):
        pause = reset - now
    return min(pause, _MAX_PAUSE) if pause is not None and pause > 0 else None


def pause_announced(headers: Mapping[str, str], *, now: float) -> float | None:
    """Return the seconds until the vendor accepts another request, if it says that the limit is reached.

    :param headers: The response's headers; ``X-RateLimit-Remaining`` and ``X-RateLimit-Reset`` are read.
    :param now: The current time as epoch seconds.
    """
    reset = _number(headers.get("X-RateLimit-Reset", ""))
    if _number(headers.get("X-RateLimit-Remaining", "")) != 0 or reset is None:
        return None
    return max(reset - now, 0.0)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None


def _http_date(text: str) -> float | None:
    try:
        moment: datetime = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
