"""Tells without a look at the counters that a request is not allowed yet."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_convexport.export.fetch.budget_storage import rates_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_convexport.export.fetch.limit import Limit

_MOST = 1_000
"""Limits of more requests than these are left to the counters, so that few moments are kept."""

_STEP = 0.001
"""Seconds of a counter's clock: a request counts until its period has passed by a step."""


@dataclass(slots=True)
class Foresight:
    """The requests that one budget object was granted; what others send makes a wait longer, never shorter.

    Asking a counter takes a lock and a transaction, or a round trip. In steady work every second answer would
    be no.
    """

    _granted: dict[str, deque[float]] = field(default_factory=dict)

    def wait(self, counters: Iterable[tuple[str, tuple[Limit, ...]]], now: float) -> float:
        """Return the seconds until own requests leave room for another one; 0 or less if they leave it now.

        :param counters: Names of the counters and the limits of each.
        :param now: The time on the budget's clock.
        """
        return max(
            (
                granted[-rate.limit] + rate.interval / 1000 + _STEP - now
                for name, limits in counters
                if (granted := self._granted.get(name))
                for rate in rates_of(limits)
                if rate.limit <= len(granted)
            ),
            default=0.0,
        )

    def granted(self, counters: Iterable[tuple[str, tuple[Limit, ...]]], counted: float) -> None:
        """Take note of a request.

        :param counters: As for `wait`.
        :param counted: When the counters counted it, or a little earlier, on the budget's clock.
        """
        for name, limits in counters:
            kept = max((limit.requests for limit in limits if limit.requests <= _MOST), default=0)
            self._granted.setdefault(name, deque(maxlen=kept)).append(counted)
