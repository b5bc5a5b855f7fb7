"""Reads from Airflow's configuration how long the work of earlier tries is resumed."""

from __future__ import annotations

from datetime import timedelta

from airflow_provider_convexport.compat import conf
from airflow_provider_convexport.errors import ConfigurationError

DEFAULT = timedelta(days=1)
_LONGEST = timedelta(days=36_500)


def checkpoint_max_age() -> timedelta:
    """Return the value of ``[convexport] checkpoint_max_age``.

    :raises ConfigurationError: if it is not a whole number of seconds from 0 to a hundred years.
    """
    text = str(conf.get("convexport", "checkpoint_max_age", fallback="") or "").strip()
    if not text:
        return DEFAULT
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(_LONGEST.days * 86_400))
    if not is_number or int(text) > _LONGEST.total_seconds():
        raise ConfigurationError(
            f"[convexport] checkpoint_max_age is {text[:40]!r} and not a whole number of seconds from 0 to "
            f"{_LONGEST.days * 86_400}; set it to such a number, or remove it to use "
            f"{round(DEFAULT.total_seconds())}."
        )
    return timedelta(seconds=int(text))
