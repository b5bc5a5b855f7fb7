"""Progress of an export: in the log every few seconds, and passed to the caller."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_convexport.export.fetch.usage import Usage

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of an export at one moment.

    :param records: Records kept so far.
    :param usage: What this try has requested from the vendor so far.
    :param share: Fraction of the interval's length that is done, 0 to 1.
    :param seconds: Seconds since this try started.
    :param share_at_start: The fraction that was done by earlier tries.
    """

    records: int
    usage: Usage
    share: float
    seconds: float
    share_at_start: float = 0.0

    @property
    def seconds_left(self) -> float | None:
        """Estimate of the seconds left; ``None`` until there is progress to extrapolate from."""
        gained = self.share - self.share_at_start
        return None if gained <= 0 else self.seconds * (1 - self.share) / gained

    def __str__(self) -> str:
        rate = self.usage.requests / self.seconds if self.seconds > 0 else 0.0
        left = "unknown" if self.seconds_left is None else str(timedelta(seconds=round(self.seconds_left)))
        return (
            f"{self.records} records, {self.usage.pages} pages, {self.share:.0%} of the interval, "
            f"{rate:.2f} requests a second, "
            f"{self.usage.throttled_seconds:.0f} s waited for the vendor's limits, time left {left}"
        )

    def facts(self, *, now: float) -> dict[str, int | float | str]:
        """Return the progress as a small dict for Airflow's task state store.

        :param now: The current time as epoch seconds.
        """
        facts: dict[str, int | float | str] = {
            "records": self.records,
            "pages": self.usage.pages,
            "share": round(self.share, 4),
        }
        if self.seconds_left is not None:
            end = datetime.fromtimestamp(now + self.seconds_left, tz=UTC)
            facts["estimated_end"] = end.isoformat(timespec="seconds")
        return facts


@dataclass(slots=True)
class Reporter:
    """Reports the progress of an export in the calling thread.

    :param show: Called with each report, which is also logged; it must not raise.
    :param every: Minimum number of seconds between two reports.
    :param clock: Returns the seconds of a monotonic clock.
    """

    show: Callable[[Progress], None] | None = None
    every: float = 15.0
    clock: Callable[[], float] = time.monotonic
    _started: float = field(init=False)
    _reported: float = field(init=False)

    def __post_init__(self) -> None:
        self._started = self._reported = self.clock()

    @property
    def seconds(self) -> float:
        """Seconds since the export started."""
        return self.clock() - self._started

    @property
    def is_due(self) -> bool:
        """Return whether the next report is due."""
        return self.clock() - self._reported >= self.every

    def finish(self, records: int, usage: Usage) -> None:
        """Pass to ``show`` that all is done, without a line in the log.

        :param records: Records of the whole export.
        :param usage: What all tries together requested from the vendor.
        """
        if self.show is not None:
            self.show(Progress(records, usage, share=1.0, seconds=self.seconds))

    def report(self, progress: Progress) -> None:
        """Log one report and pass it to ``show``."""
        self._reported = self.clock()
        log.info("%s.", progress)
        if self.show is not None:
            self.show(progress)
