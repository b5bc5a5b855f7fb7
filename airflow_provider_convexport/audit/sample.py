"""Which days are audited: a share of them, the same ones whenever the same range is asked for."""

from __future__ import annotations

import hashlib
import math
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_provider_convexport.errors import ConfigurationError

if TYPE_CHECKING:
    from datetime import date

    from airflow_provider_convexport.export.window import Window

DEFAULT_SHARE = 0.1


def check_share(share: object) -> float:
    """Return a share of days.

    :raises ConfigurationError: if it is not a number above 0 and up to 1.
    """
    is_number = isinstance(share, (int, float)) and not isinstance(share, bool)
    if not is_number or not 0 < share <= 1:  # type: ignore[operator]
        raise ConfigurationError(
            f"share={share!r} is not a number above 0 and up to 1; write 1 to audit every day, or 0.1 for "
            "one day in ten."
        )
    return float(share)  # type: ignore[arg-type]


def sampled_days(window: Window, share: float) -> set[date]:
    """Return the UTC days that are audited, at least one.

    They depend on nothing but the days of the window and the share, so a retry audits the same ones, and
    streams that belong together are audited for the same days.

    :param window: The range; a day that it touches counts.
    :param share: Above 0 and up to 1.
    """
    first, last = window.start.date(), (window.end - timedelta(microseconds=1)).date()
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    days.sort(key=lambda day: hashlib.sha256(day.isoformat().encode()).digest())
    return set(days[: math.ceil(share * len(days))])
