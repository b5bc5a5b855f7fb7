"""Tries of tasks in processes of their own: waiting for them, whether they end, stop or hang."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from airflow_provider_convexport.export.stage.tuning import Tuning

QUICK_STAGING = Tuning(flush_seconds=0.02)
"""Stages every page or two instead of every four seconds."""
SUPERSEDED = 3
"""Exit code of a try that noticed a newer one."""
SECONDS = 60
"""How long a try may take."""


def exit_code(process: Any) -> int:
    """Wait for a process; one that hangs is killed and fails the test."""
    process.join(SECONDS)
    if process.exitcode is None:
        process.kill()
        raise TimeoutError(f"A try did not end within {SECONDS} s.")
    return int(process.exitcode)


def wait_until_stopped(process: Any) -> None:
    """Wait until a process stands still or has ended."""
    for _ in range(SECONDS * 100):
        try:
            status = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except FileNotFoundError:
            return
        if status in "TZ":
            return
        time.sleep(0.01)
    raise TimeoutError("A try came neither to the moment at which it was to stop nor to its end.")
