from __future__ import annotations

import os
import subprocess
import sys

import pytest
from sqlalchemy import create_engine, inspect

from dev.cluster.settings import REPOSITORY
from tests.support.airflow_home import DATABASE


def test_the_coverage_page_gives_the_same_answers_with_as_many_queries_from_postgresql(postgres):
    """Run the page's own tests, which say what it answers and count its queries, with another database."""
    pytest.importorskip("psycopg2")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/page"]

    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env={**os.environ, DATABASE: postgres},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert inspect(create_engine(postgres)).has_table("asset_event")
