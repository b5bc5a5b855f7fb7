"""Names the workers apart, although they run on one machine; Airflow shows it with each task."""

from __future__ import annotations

import os
import socket


def hostname() -> str:
    """Return the worker's name, or the machine's where it has none."""
    return os.environ.get("STACK_HOSTNAME") or socket.gethostname()
