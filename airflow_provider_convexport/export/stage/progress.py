"""How far an export is, for people: in the log every so often, and wherever else the caller wants it."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """A moment of an export.

    :param records: Records kept so far.
    :param pages: Answers read so far.
    :param requests: Requests sent so far, retries included.
    :param share: Share of the interval's length that is done, 0 to 1.
    :param throttled_seconds: Seconds waited for the vendor's limits so far.
    :param seconds: Seconds since this try began.
    :param begun_at_share: The share that earlier tries had done.
    """

    records: int
    pages: int
    requests: int
    share: float
    throttled_seconds: float
    seconds: float
    begun_at_share: float = 0.0

    @property
    def seconds_left(self) -> float | None:
        """Estimate of the seconds left, ``None`` while there is nothing to judge by."""
        gained = self.share - self.begun_at_share
        return None if gained <= 0 else self.seconds * (1 - self.share) / gained

    def __str__(self) -> str:
        rate = self.requests / self.seconds if self.seconds > 0 else 0.0
        left = "unknown" if self.seconds_left is None else str(timedelta(seconds=round(self.seconds_left)))
        return (
            f"{self.records} records, {self.pages} pages, {self.share:.0%} of the interval, "
            f"{rate:.2f} requests a second, {self.throttled_seconds:.0f} s waited for the vendor's limits, "
            f"time left {left}"
        )

    def facts(self, *, now: float) -> dict[str, int | float | str]:
        """Return the same as a small dict for a state store.

        :param now: The present moment as epoch seconds.
        """
        facts: dict[str, int | float | str] = {
            "records": self.records,
            "pages": self.pages,
            "share": round(self.share, 4),
        }
        if self.seconds_left is not None:
            end = datetime.fromtimestamp(now + self.seconds_left, tz=UTC)
            facts["estimated_end"] = end.isoformat(timespec="seconds")
        return facts


@dataclass(slots=True)
class Reporter:
    """Says how far an export is, at most every ``every`` seconds, from the thread that calls it.

    :param show: Called with each report besides the log; must not raise.
    :param every: Seconds between two reports.
    :param clock: Tells the seconds of a steady clock.
    """

    show: Callable[[Progress], None] | None = None
    every: float = 15.0
    clock: Callable[[], float] = time.monotonic
    _begun: float = field(init=False)
    _said: float = field(init=False)

    def __post_init__(self) -> None:
        self._begun = self._said = self.clock()

    @property
    def seconds(self) -> float:
        """Seconds since the export began."""
        return self.clock() - self._begun

    @property
    def is_due(self) -> bool:
        """Tell whether it is time for another report."""
        return self.clock() - self._said >= self.every

    def say(self, progress: Progress) -> None:
        """Report."""
        self._said = self.clock()
        log.info("%s.", progress)
        if self.show is not None:
            self.show(progress)
