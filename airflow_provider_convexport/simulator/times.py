"""Times as whole microseconds since the epoch, and their text forms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

SECOND: Final = 1_000_000
"""One second in microseconds, the unit of all times in this package."""
DAY: Final = 86_400 * SECOND

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Return an aware datetime as microseconds since the epoch."""
    # Airflow passes pendulum values, and their own subtraction returns a type that no timedelta divides.
    return datetime.__sub__(moment, _EPOCH) // _MICROSECOND


def naive_text(at: int) -> str:
    """Return ``YYYY-MM-DDTHH:MM:SS`` in UTC without a zone; microseconds are added unless they are zero."""
    return (_EPOCH + timedelta(microseconds=at)).replace(tzinfo=None).isoformat()


def whole_second(at: int) -> int:
    """Return the last whole second that is not after ``at``."""
    return at - at % SECOND
