"""Measures one row of a benchmark in a fresh process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def measured(module: str, name: str, **options: object) -> dict[str, Any]:
    """Run a benchmark's module with ``--measure`` and return what it prints, as JSON, in its last line.

    :param module: Name of the module.
    :param name: The row.
    :param options: Its other options.
    """
    command = [sys.executable, "-m", module, "--measure", name]
    for option, value in options.items():
        command += [f"--{option}", str(value)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def peak() -> float:
    """Return the peak memory of this process in MiB, without what its parent held when it was started."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024
