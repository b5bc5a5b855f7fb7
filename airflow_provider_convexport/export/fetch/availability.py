"""When a vendor has all records of an interval, and how long it keeps them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_convexport.durations import in_words
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.window import iso

if TYPE_CHECKING:
    from airflow_provider_convexport.export.fetch.stream import Stream
    from airflow_provider_convexport.export.window import Window

_HOUR = timedelta(hours=1)
_MARGIN = timedelta(minutes=10)
"""Added to the limit of the vendor's retention, which advances until the first response arrives."""


def settles_at(interval: Window, stream: Stream | None, settle: timedelta | None = None) -> datetime:
    """Return the moment in UTC at which ``interval`` settles: the vendor adds no records to it afterwards.

    :param interval: The interval.
    :param stream: The vendor's stream; without one, ``settle`` is required.
    :param settle: How long after its end the interval settles; ``None`` for the stream's own ``settle``.
    :raises ConfigurationError: if ``settle`` is not a timedelta of zero or more, or neither ``settle`` nor
        ``stream`` is given.
    """
    if settle is None:
        if stream is None:
            raise ConfigurationError(
                "The time after which the interval settles is not known; "
                "pass vendor='ada' (or another), or settle=timedelta(hours=2)."
            )
        settle = stream.settle
    if not isinstance(settle, timedelta) or settle < timedelta(0):
        raise ConfigurationError(
            f"settle={settle!r} is not a timedelta of zero or more; write settle=timedelta(hours=2), "
            "or leave it out to use the vendor's default."
        )
    try:
        return interval.end + settle
    except OverflowError:
        raise ConfigurationError(
            f"settle={in_words(settle)} after {iso(interval.end)} is later than the year 9999; "
            "write settle=timedelta(hours=2), "
            "or leave it out to use the vendor's default."
        ) from None


def expires_before(stream: Stream, now: datetime) -> datetime | None:
    """Return the moment before which the vendor keeps nothing; ``None`` if it keeps everything.

    :param stream: The vendor's stream.
    :param now: The current time, UTC.
    """
    return None if stream.history is None else now - stream.history


def kept_from(interval: Window, stream: Stream, now: datetime) -> datetime | None:
    """Return the moment from which ``interval`` can still be exported; ``None`` if all of it can.

    The moment is a full UTC hour at least ten minutes after the limit of the vendor's retention, so that
    tries of one task that are minutes apart usually get the same result. If the vendor keeps nothing of the
    interval, the moment is the interval's end or later.

    :param interval: The interval.
    :param stream: The vendor's stream.
    :param now: The current time, UTC.
    """
    limit = expires_before(stream, now)
    if limit is None or limit <= interval.start:
        return None
    begin = limit + _MARGIN
    return begin + (datetime(1970, 1, 1, tzinfo=UTC) - begin) % _HOUR
