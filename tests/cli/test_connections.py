"""The commands find a connection in each of the three places where Airflow can keep one.

They run as a new user runs them: as commands of a shell, with an Airflow home of their own.
"""

from __future__ import annotations

import json
import shlex

import pytest

from tests.support.connections import connection_to
from tests.support.shell import PLACES

pytestmark = pytest.mark.slow


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
    assert (status.returncode, status.stdout) == (3, f"Nothing is published under {store[1]}.\n")


def test_a_connection_that_is_in_none_of_them_does_not_exist(shell):
    done = shell.convexport("check", "--conn-id", "nobody")

    assert done.returncode == 1
    assert done.stderr.endswith("The connection nobody does not exist; create it, or name another.\n")
