"""What an export has asked of the vendor, as one value that adds up over pages, threads and tries."""

from __future__ import annotations

import msgspec


class Usage(msgspec.Struct, frozen=True):
    """Requests and waiting times; two usages add up.

    :param requests: Requests sent, retries included.
    :param pages: Pages received and decoded.
    :param throttled_seconds: Seconds waited on a worker for the vendor's rate limits, summed over threads.
    :param paused_seconds: Seconds that the vendor asked for and that were handed back to the scheduler.
    """

    requests: int = 0
    pages: int = 0
    throttled_seconds: float = 0.0
    paused_seconds: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            requests=self.requests + other.requests,
            pages=self.pages + other.pages,
            throttled_seconds=self.throttled_seconds + other.throttled_seconds,
            paused_seconds=self.paused_seconds + other.paused_seconds,
        )
