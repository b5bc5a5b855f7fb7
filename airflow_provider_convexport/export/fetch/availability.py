"""What a vendor has of an interval: when it has everything, and from when on it forgets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_convexport.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_convexport.export.fetch.stream import Stream
    from airflow_provider_convexport.export.window import Window

_HOUR = timedelta(hours=1)
_MARGIN = timedelta(minutes=10)
"""Added to the vendor's limit, which moves on while an export waits for its first answer."""


def settles_at(interval: Window, stream: Stream | None, settle: timedelta | None = None) -> datetime:
    """Return the moment in UTC at which ``interval`` settles: the vendor adds no records to it afterwards.

    :param interval: The interval.
    :param stream: The vendor's stream; ``None`` if none is named, which requires ``settle``.
    :param settle: How long after its end the interval settles; ``None`` for the stream's own ``settle``.
    :raises ConfigurationError: if ``settle`` is not a timedelta of zero or more, or is missing as well as
        the stream.
    """
    if settle is None:
        if stream is None:
            raise ConfigurationError(
                "How long after its end the interval settles is not known; "
                "pass vendor='ada' (or another), or settle=timedelta(hours=2)."
            )
        settle = stream.settle
    if not isinstance(settle, timedelta) or settle < timedelta(0):
        raise ConfigurationError(
            f"settle={settle!r} is not a timedelta of zero or more; write settle=timedelta(hours=2), "
            "or leave it out for the vendor's own."
        )
    try:
        return interval.end + settle
    except OverflowError:
        raise ConfigurationError(
            f"settle={settle} after {interval.end} is beyond the year 9999; write settle=timedelta(hours=2), "
            "or leave it out for the vendor's own."
        ) from None


def expires_before(stream: Stream, now: datetime) -> datetime | None:
    """Return the moment before which the vendor keeps nothing; ``None`` if it keeps everything.

    :param stream: The vendor's stream.
    :param now: The present moment, UTC.
    """
    return None if stream.history is None else now - stream.history


def kept_from(interval: Window, stream: Stream, now: datetime) -> datetime | None:
    """Return the moment from which on ``interval`` can still be exported; ``None`` if all of it can.

    It is a full UTC hour at least ten minutes after the vendor's limit, so that the tries of one task,
    minutes apart, mostly agree. If the vendor keeps nothing of the interval, it is the interval's end or
    later.

    :param interval: The interval.
    :param stream: The vendor's stream.
    :param now: The present moment, UTC.
    """
    limit = expires_before(stream, now)
    if limit is None or limit <= interval.start:
        return None
    begin = limit + _MARGIN
    return begin + (datetime(1970, 1, 1, tzinfo=UTC) - begin) % _HOUR
