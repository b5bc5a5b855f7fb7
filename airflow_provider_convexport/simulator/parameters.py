"""Checks of request parameters that several vendors have in common."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, NoReturn
from uuid import UUID

from airflow_provider_convexport.simulator.times import microseconds

if TYPE_CHECKING:
    from airflow_provider_convexport.simulator.http_messages import ApiRequest

Refuse = Callable[[str, str], NoReturn]
"""Raises the vendor's error for a bad parameter; called with the parameter and a sentence about it."""


def single_values(request: ApiRequest, *, known: frozenset[str], refuse: Refuse) -> dict[str, str]:
    """Return the parameters; refuse those that are unknown or given more than once."""
    params: dict[str, str] = {}
    for name, value in request.params:
        if name not in known:
            refuse(name, "Unknown parameter.")
        if name in params:
            refuse(name, "Parameter is repeated.")
        params[name] = value
    return params


def integer(name: str, text: str, *, minimum: int, maximum: int, refuse: Refuse) -> int:
    """Read a whole number of decimal digits; refuse any other text and numbers outside of the bounds."""
    if not re.fullmatch(r"\d{1,15}", text, re.ASCII) or not minimum <= int(text) <= maximum:
        refuse(name, f"Must be an integer from {minimum} to {maximum}.")
    return int(text)


def instant(name: str, text: str, *, refuse: Refuse) -> int:
    """Read an ISO 8601 time with an offset as microseconds since the epoch; refuse impossible dates."""
    try:
        return microseconds(datetime.fromisoformat(text))
    except ValueError:
        refuse(name, "Not a date.")


def check_uuid(name: str, text: str, *, refuse: Refuse) -> None:
    """Refuse what is not a UUID in its usual form with hyphens."""
    try:
        well_formed = str(UUID(text)) == text.lower()
    except ValueError:
        well_formed = False
    if not well_formed:
        refuse(name, "Must be a valid UUID.")
