"""Usage: requests, pages and waits of an export, summed over pages and tries."""

from __future__ import annotations

import msgspec


class Usage(msgspec.Struct, frozen=True):
    """Numbers of requests and pages, and waits; ``+`` adds two usages.

    :param requests: Requests sent, including retries.
    :param pages: Pages received and decoded.
    :param throttled_seconds: Seconds in which at least one thread waited for the vendor's limits, or for a
        short pause that the vendor asked for.
    :param paused_seconds: Seconds of the pauses for which the task was rescheduled.
    :param retry_seconds: Seconds in which at least one thread waited to try again after a failure.
    """

    requests: int = 0
    pages: int = 0
    throttled_seconds: float = 0.0
    paused_seconds: float = 0.0
    retry_seconds: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            requests=self.requests + other.requests,
            pages=self.pages + other.pages,
            throttled_seconds=self.throttled_seconds + other.throttled_seconds,
            paused_seconds=self.paused_seconds + other.paused_seconds,
            retry_seconds=self.retry_seconds + other.retry_seconds,
        )
