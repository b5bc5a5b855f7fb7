"""Waiting for what happens in other processes and threads."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], *, seconds: float, what: str, poll: float = 0.5) -> T:
    """Return the first true value of a condition that is checked every ``poll`` seconds."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited {seconds:.0f} s in vain for {what}.")
        time.sleep(poll)
    return value


def wait_for_threads(condition: Callable[[], T]) -> T:
    """Return the first true value of a condition that threads of this process meet within microseconds."""
    return wait_until(condition, seconds=10, what="other threads", poll=0.001)
