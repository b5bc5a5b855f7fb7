"""Gives each worker a host name of its own, although all run on one machine; Airflow shows it per task."""

from __future__ import annotations

import os
import socket


def hostname() -> str:
    """Return the worker's name, or the machine's name in other processes."""
    return os.environ.get("CLUSTER_HOSTNAME") or socket.gethostname()
