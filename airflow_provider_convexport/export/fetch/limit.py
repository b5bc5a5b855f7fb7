"""A vendor's rate limit, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Limit:
    """A vendor's promise to refuse more than ``requests`` in any ``period``.

    :param requests: Requests allowed in any period, wherever it begins.
    :param period: Length of the period.
    :param per_endpoint: True if each endpoint has a count of its own, False if all share one.
    """

    requests: int
    period: timedelta
    per_endpoint: bool = False
