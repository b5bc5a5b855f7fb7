"""Exclusive locks on open files and folders, which end with the process that holds them."""

from __future__ import annotations

import fcntl
import time


def lock_within(descriptor: int, seconds: float, *, poll: float) -> bool:
    """Take the exclusive lock of an open file or folder; return whether that succeeded in time.

    :param descriptor: Its descriptor; closing it releases the lock.
    :param seconds: Maximum number of seconds to wait for another process.
    :param poll: Seconds between two tries.
    :raises OSError: if the file system has no such locks.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                return False
            time.sleep(poll)
        else:
            return True
