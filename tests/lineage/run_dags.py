"""Runs Dags of a file one after another, as ``dag.test`` does it; reads them from JSON, writes their states.

Usage: python run_dags.py FILE '[["dag", {"interval": ["…", "…"]}], …]'
"""

from __future__ import annotations

import json
import runpy
import sys

if __name__ == "__main__":
    dags = runpy.run_path(sys.argv[1])
    states = []
    for name, conf in json.loads(sys.argv[2]):
        run = dags[name].test(logical_date=None, run_conf=conf)
        states.append({ti.task_id: str(ti.state) for ti in run.get_task_instances()})
    sys.stdout.write(f"\nSTATES {json.dumps(states)}\n")
