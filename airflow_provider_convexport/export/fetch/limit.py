"""A vendor's rate limit, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta

LONGEST_WAITED_MS = 3_700_000
"""Periods up to this number of milliseconds are waited out when the count of requests was lost."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A vendor's rate limit: it rejects more than ``requests`` in any ``period``.

    :param requests: Maximum number of requests in any moving period.
    :param period: Length of the period.
    :param per_endpoint: Whether each endpoint has its own count; otherwise all endpoints share one.
    """

    requests: int
    period: timedelta
    per_endpoint: bool = False
