"""The commands find a connection in each of the three places where Airflow can keep one.

They run as a new user runs them: as commands of a shell, with an Airflow home of their own.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys

import pytest
from airflow.version import version

from tests.support.connections import connection_to

pytestmark = pytest.mark.slow

PLACES = ("database", "environment", "secrets backend")
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
    return Shell(tmp_path, airflow_db)


def fields_of(vendor, url):
    (text,) = connection_to(vendor, url).values()
    return json.loads(text)


@pytest.mark.parametrize("place", PLACES)
def test_a_connection_is_found_in_the(place, shell, answer_empty, server):
    shell.keep(place, {"my_ada": fields_of("ada", server.url)})

    done = shell.convexport("check", "--conn-id", "my_ada", "--pool", "default_pool")

    assert (done.returncode, done.stdout) == (0, "Ada answered and accepted the key.\n"), done.stderr
    assert len(server.asked) == 1


def test_check_says_which_command_creates_the_missing_pool_and_airflow_takes_it(shell, answer_empty, server):
    shell.keep("environment", {"my_ada": fields_of("ada", server.url)})

    before = shell.convexport("check", "--conn-id", "my_ada")
    sentence = before.stdout.splitlines()[-1]
    advised = shlex.split(sentence.partition("run: ")[2])
    created = shell.run(*advised)

    assert (before.returncode, created.returncode) == (0, 0), created.stderr
    assert sentence.startswith("The pool convexport_ada does not exist, so Airflow will never start a task")


def test_plan_and_status_find_connections_in_the_database(shell, tmp_path):
    agentx = fields_of("agentx", "https://acme.example")
    shell.keep("database", {"my_agentx": agentx, "lake": {"conn_type": "generic"}})
    store = ("--destination", (tmp_path / "exports").as_uri(), "--destination-conn-id", "lake")
    days = ("--vendor", "agentx", "--from", "2026-09-01", "--to", "2026-09-10")

    plan = shell.convexport("plan", *days, "--conn-id", "my_agentx", *store, "-o", "json")
    status = shell.convexport("status", *store)

    assert plan.returncode == 0, plan.stderr
    assert json.loads(plan.stdout)["published"] == []
    assert (status.returncode, status.stdout) == (0, f"Nothing is published under {store[1]}.\n")


def test_the_status_finds_the_connection_of_a_bucket_in_the_database(shell):
    pytest.importorskip("s3fs", reason="The extras are not installed.")
    extra = {"endpoint_url": "http://127.0.0.1:9", "region_name": "us-east-1"}
    lake = {"conn_type": "aws", "login": "id", "password": "secret", "extra": extra}
    shell.keep("database", {"lake": lake})

    done = shell.convexport("status", "--destination", "s3://lake@raw/ada")

    # Nothing listens there: an answer that names the store shows that the connection was found and used.
    assert done.returncode == 1
    assert "The object store of s3://lake@raw/ada gave no usable answer" in done.stderr


def test_a_connection_that_is_in_none_of_them_does_not_exist(shell):
    done = shell.convexport("check", "--conn-id", "nobody")

    assert done.returncode == 1
    assert done.stderr.endswith(
        "The connection nobody does not exist; create it, or name another with --conn-id.\n"
    )
