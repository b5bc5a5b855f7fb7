from __future__ import annotations

import subprocess

import pytest
from sqlalchemy.exc import OperationalError

from airflow_provider_convexport.cli import pools
from airflow_provider_convexport.cli.pools import is_usable, is_usable_if_known, pool_commands
from airflow_provider_convexport.errors import ConfigurationError

CREATE = 'airflow pools set mine 2 "Exports"'


def commands(*, usable):
    return pool_commands("mine", slots=2, description="Exports", usable=usable)


@pytest.mark.parametrize(("slots", "usable"), [(None, False), (0, False), (1, True), (-1, True)])
def test_a_pool_that_exists_and_has_slots_is_left_alone(monkeypatch, slots, usable):
    monkeypatch.setattr(pools, "_slots_of", {"mine": slots}.get)

    assert is_usable("mine") is is_usable_if_known("mine") is usable
    assert commands(usable=usable) == ([] if usable else [CREATE])


def test_without_a_database_nobody_knows(monkeypatch):
    def fail(name):
        raise OperationalError("SELECT", {}, Exception())

    monkeypatch.setattr("airflow.models.pool.Pool.get_pool", fail)

    assert is_usable_if_known("mine") is None
    with pytest.raises(ConfigurationError, match=r"whether the pool mine exists; .* leave out .*--run\.$"):
        is_usable("mine")


@pytest.mark.parametrize(("found", "calls"), [(0, ["get mine"]), (1, ["get mine", "set mine 2 Exports"])])
def test_a_command_that_does_not_know_asks_before_it_sets(tmp_path, found, calls):
    (command,) = commands(usable=None)
    airflow = tmp_path / "airflow"
    airflow.write_text(f'#!/bin/sh\nshift\necho "$*"\n[ "$1" = set ] || exit {found}\n')
    airflow.chmod(0o755)

    done = subprocess.run(
        ["/bin/bash", "-c", command],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout.splitlines()) == (0, calls)
