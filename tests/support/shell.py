"""A shell in which a new user calls ``airflow``, with connections wherever Airflow can keep them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest
from airflow.version import version

PLACES = ("database", "environment", "secrets backend")
"""Where Airflow looks for connections."""
BACKEND = "airflow.secrets.local_filesystem.LocalFilesystemBackend"


class Shell:
    """A shell in which a user calls ``airflow``, with an Airflow home of its own."""

    def __init__(self, home, database):
        shutil.copy(database, home / "airflow.db")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        self.home = home
        self.variables = {**kept, "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}

    def run(self, *arguments):
        command = [sys.executable, "-m", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=self.variables)

    def convexport(self, *arguments):
        """Call ``airflow convexport``, or what stands for it in Airflow 3.1."""
        if version.startswith("3.1."):
            return self.run("airflow_provider_convexport.cli", *arguments)
        return self.run("airflow", "convexport", *arguments)

    def keep(self, place, connections):
        """Create connections the way that is usual for a place."""
        if place == "database":
            for conn_id, fields in connections.items():
                done = self.run("airflow", "connections", "add", conn_id, "--conn-json", json.dumps(fields))
                assert done.returncode == 0, done.stdout + done.stderr
        elif place == "environment":
            for conn_id, fields in connections.items():
                self.variables[f"AIRFLOW_CONN_{conn_id.upper()}"] = json.dumps(fields)
        else:
            file = self.home / "connections.json"
            file.write_text(json.dumps(connections))
            self.variables["AIRFLOW__SECRETS__BACKEND"] = BACKEND
            self.variables["AIRFLOW__SECRETS__BACKEND_KWARGS"] = json.dumps(
                {"connections_file_path": str(file)}
            )


@pytest.fixture
def shell(tmp_path, airflow_db):
    """A shell with an Airflow home of its own."""
    return Shell(tmp_path, airflow_db)
