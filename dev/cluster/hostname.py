"""Gives each worker its own host name, which Airflow shows for each task, although all run on one machine."""

from __future__ import annotations

import os
import socket


def hostname() -> str:
    """Return the worker's name, or the machine's name in other processes."""
    return os.environ.get("CLUSTER_HOSTNAME") or socket.gethostname()
