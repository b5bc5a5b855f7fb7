"""What a vendor no longer keeps of an interval."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_convexport.export.fetch.stream import Stream
    from airflow_provider_convexport.export.window import Window

_HOUR = timedelta(hours=1)
_MARGIN = timedelta(minutes=10)
"""What the vendor forgets between the look at the clock and its answer; an export may wait for its turn."""


def expires_before(stream: Stream, now: datetime) -> datetime | None:
    """Return the moment before which the vendor keeps nothing; ``None`` if it keeps everything.

    :param now: The present moment, UTC.
    """
    return None if stream.history is None else now - stream.history


def kept_from(interval: Window, stream: Stream, now: datetime) -> datetime | None:
    """Return from where on ``interval`` can still be exported; ``None`` for all of it.

    A full UTC hour at least ten minutes after the vendor's limit, so that the tries of one task, minutes
    apart, mostly agree. May be the interval's end or later, if nothing of it is left.
    """
    limit = expires_before(stream, now)
    if limit is None or limit <= interval.start:
        return None
    begin = limit + _MARGIN
    return begin + (datetime(1970, 1, 1, tzinfo=UTC) - begin) % _HOUR
