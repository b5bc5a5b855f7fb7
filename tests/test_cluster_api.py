"""The cluster's client of Airflow's REST API."""

from __future__ import annotations

import json

import pytest

from dev.cluster.api import Api
from dev.cluster.processes import ClusterError
from tests.support.tiny_server import Answer, as_json

CONNECTION = {"conn_type": "ada", "host": "https://example.com", "password": "simulated", "extra": {}}


def refused(detail):
    """Return a refusal as Airflow's API server sends it."""
    return Answer(500, json.dumps({"detail": detail}).encode(), {"Content-Type": "application/json"})


@pytest.fixture
def api(server):
    server.script = [as_json({"access_token": "token"})]
    return Api(server.url, "password")


def test_a_request_is_repeated_while_the_database_fails(server, api):
    server.script += [refused({"reason": "Database error"}), Answer(409)]

    api.make_connection("ada_default", CONNECTION)

    assert server.targets == ["/auth/token", "/api/v2/connections", "/api/v2/connections"]


@pytest.mark.parametrize("answer", [refused("a bug"), Answer(500, b"a bug"), refused({"reason": "Other"})])
def test_every_other_failure_is_raised_at_once(server, api, answer):
    server.script += [answer]

    with pytest.raises(ClusterError, match=r"^POST connections returned status 500: "):
        api.make_connection("ada_default", CONNECTION)

    assert server.targets == ["/auth/token", "/api/v2/connections"]
