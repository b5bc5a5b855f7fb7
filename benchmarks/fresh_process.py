"""Measures one row of a benchmark in a fresh process."""

from __future__ import annotations

import json
import subprocess
import sys
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
