"""When to ask again, and how long to wait before it."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


_MAX_PAUSE = 7 * 86_400.0
"""A longer pause is read as a week; vendors document a day at most."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Retries of one page, with exponential backoff and jitter. All times in seconds.

    :param max_tries: Requests for one page before giving up.
    :param base_delay: Wait after the first failure; it doubles each time.
    :param max_delay: Longest backoff; over a minute, because a per-minute limit without ``Retry-After`` takes
        that long to clear.
    :param max_sleep: Longest wait asked for by the vendor that is slept through on the worker; a longer one
        is handed back to the scheduler.
    """

    max_tries: int = 9
    base_delay: float = 0.5
    max_delay: float = 64.0
    max_sleep: float = 120.0

    def backoff(self, failures: int) -> float:
        """Return the wait after ``failures`` failures in a row, with jitter so that clients spread out."""
        return min(self.base_delay * 2.0 ** (failures - 1), self.max_delay) * random.uniform(0.5, 1.0)  # noqa: S311


def is_transient(status: int) -> bool:
    """Tell whether the same request may succeed later."""
    return status in (408, 429) or status >= 500


def pause_asked(headers: Mapping[str, str], *, status: int, now: float) -> float | None:
    """Return the seconds that the vendor asks to wait, or ``None`` if it does not say.

    ``Retry-After`` counts on every status, in seconds or as an HTTP date; ``X-RateLimit-Reset`` (epoch
    seconds, Ada) counts on a 429 without it. A wait that is over already says nothing: then the backoff
    keeps a vendor that repeats it, or a clock that is ahead, from using up all tries at once.

    :param headers: The answer's headers, case-insensitive.
    :param status: The answer's status.
    :param now: The present moment as epoch seconds.
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
    """Return the seconds until the vendor takes another request, if it says that this was the last one.

    :param headers: The answer's headers: ``X-RateLimit-Remaining`` and ``X-RateLimit-Reset`` (epoch seconds).
    :param now: The present moment as epoch seconds.
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
