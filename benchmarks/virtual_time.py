"""A clock that a vendor's rate limit moves, so that hours of an export take seconds.

Import this module before any other of the package: it replaces `time.time` and `time.monotonic`, which the
package hands around as default arguments. Sleeping is not changed; the limits of vendors are to be off.
"""

from __future__ import annotations

import time

_time, _monotonic = time.time, time.monotonic
_begun = _monotonic()
_ahead, _factor = 0.0, 1.0


def advance(seconds: float) -> None:
    """Move the clock forward; call it under a lock."""
    global _ahead  # noqa: PLW0603 - there is one clock in a process
    _ahead += seconds


def slow_down(factor: float) -> None:
    """Let the clock run more slowly, so that results depend less on the speed of the machine."""
    global _factor  # noqa: PLW0603 - there is one clock in a process
    _factor = factor


def _gained() -> float:
    return _ahead - (1 - _factor) * (_monotonic() - _begun)


time.time = lambda: _time() + _gained()
time.monotonic = lambda: _monotonic() + _gained()
