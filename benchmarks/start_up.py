"""Measures what a task of this package imports beside what Airflow itself imports for any task.

Run ``python benchmarks/start_up.py``. Each figure is the median of fresh processes, whose bytecode has been
compiled before. The parts are imported one after the other, so that each row shows only what the rows above
have not imported.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

PARTS = {
    "Airflow, for a task with a BashOperator": (
        "import airflow.sdk.execution_time.task_runner, airflow.providers.standard.operators.bash"
    ),
    "requests, for HttpHook and the export": "import requests",
    "aiohttp, for HttpHook only": "import aiohttp",
    "the rest of HttpHook": "import airflow.providers.http.hooks.http",
    "the library for rate limits": "import pyrate_limiter",
    "this package: the operator": "import airflow_provider_convexport.operators.agentx",
    "the first local destination": (
        "import tempfile, airflow_provider_convexport.destination as destination\n"
        "destination.store_at(tempfile.gettempdir() + '/start-up')"
    ),
}
"""Statements by what they stand for."""

_SCRIPT = """
import json, sys, time
rows = []
for statements in json.loads(sys.argv[1]):
    modules, cpu, wall = len(sys.modules), time.process_time(), time.monotonic()
    exec(statements, {})
    rows.append((len(sys.modules) - modules, time.process_time() - cpu, time.monotonic() - wall))
print(json.dumps(rows))
"""


def measured(environment: dict[str, str]) -> list[tuple[int, float, float]]:
    """Return the number of modules, the CPU seconds and the wall-clock seconds of each part."""
    command = [sys.executable, "-c", _SCRIPT, json.dumps(list(PARTS.values()))]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    rows: list[tuple[int, float, float]] = json.loads(done.stdout.splitlines()[-1])
    return rows


def main() -> None:
    """Print one row for each part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "AIRFLOW_HOME": home, "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        measured(environment)  # compiles
        results = [measured(environment) for _ in range(rounds)]
    print(f"{'imported':<42} modules   CPU ms  wall ms")
    for name, rows in zip(PARTS, zip(*results, strict=True), strict=True):
        modules, cpu, wall = (statistics.median(values) for values in zip(*rows, strict=True))
        print(f"{name:<42} {modules:>7.0f} {cpu * 1000:>8.0f} {wall * 1000:>8.0f}")


if __name__ == "__main__":
    main()
