"""Where the fixtures are that several folders use; those of one folder are in its own conftest."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.support")

# The home comes first, because it has to be set before anything imports Airflow.
pytest_plugins = (
    "tests.support.airflow_home",
    "tests.support.connections",
    "tests.support.postgres",
    "tests.support.redis",
    "tests.support.samples",
    "tests.support.shell",
    "tests.support.simulators",
    "tests.support.stores",
    "tests.support.tiny_server",
    "tests.support.vendors",
)
