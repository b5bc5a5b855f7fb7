"""Lengths of time in words, for messages and help texts."""

from __future__ import annotations

from datetime import timedelta

_UNITS = (
    ("day", timedelta(days=1)),
    ("hour", timedelta(hours=1)),
    ("minute", timedelta(minutes=1)),
)


def in_words(length: timedelta) -> str:
    """Write a length of time exactly: ``"59 days"``, ``"1 hour 30 minutes"``, ``"0.5 seconds"``.

    Units of which there are none are left out; zero is ``"0 seconds"``. A negative length has one minus sign
    in front of the whole.
    """
    parts, rest = [], abs(length)
    for name, unit in _UNITS:
        count, rest = divmod(rest, unit)
        if count:
            parts.append(_counted(str(count), name))
    if rest or not parts:
        seconds = f"{rest.total_seconds():.6f}".rstrip("0").rstrip(".")
        parts.append(_counted(seconds, "second"))
    return ("-" if length < timedelta(0) else "") + " ".join(parts)


def _counted(count: str, noun: str) -> str:
    return f"{count} {noun}" if count == "1" else f"{count} {noun}s"
