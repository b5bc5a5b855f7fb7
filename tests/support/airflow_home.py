"""An Airflow of the tests' own, set up when this module is imported: before anything imports Airflow."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

DATABASE = "CONVEXPORT_TEST_DATABASE"
"""Environment variable with the URL of an empty database, in place of sqlite, for one process of tests."""

_HOME = Path(tempfile.mkdtemp(prefix="convexport-tests-"))
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)

for _name in [name for name in os.environ if name.startswith("AIRFLOW")]:
    del os.environ[_name]
os.environ["AIRFLOW_HOME"] = str(_HOME)
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(Path(__file__).parents[2] / "dags_examples")
if DATABASE in os.environ:
    os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = os.environ[DATABASE]


@pytest.fixture(scope="session")
def airflow_home():
    """The tests' Airflow home; without a database unless `airflow_db` is asked for."""
    return _HOME


@pytest.fixture(scope="session")
def airflow_db(airflow_home):
    """A migrated database, for `dag.test`; takes about eight seconds.

    It is sqlite in the tests' Airflow home, whose file this returns, unless the variable `DATABASE` is set.
    """
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return airflow_home / "airflow.db"
