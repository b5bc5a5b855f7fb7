from __future__ import annotations

import json
import os
import time

import pytest

from airflow_provider_convexport.cli.__main__ import main
from airflow_provider_convexport.cli.staging import staging_age
from airflow_provider_convexport.errors import ConfigurationError
from tests.support.runs import Piece, Run, at, day
from tests.support.samples import DAY
from tests.support.stores import local_store


@pytest.fixture
def store(tmp_path):
    return local_store(tmp_path)


@pytest.fixture
def old(store):
    """A run of which nothing is published, and whose staging is 40 days old."""
    run = Run(store, ("a", at(1)))
    moment = time.time() - 40 * DAY.total_seconds()
    for name in store.find("_staging"):
        os.utime(f"{store.root}/{name}", (moment, moment))
    return run


def test_status_names_old_staging_and_removes_it_only_if_told_to(store, old, capsys):
    Piece(store, day(1), ("a", at(1)))
    status = ["status", "--destination", store.root]
    before = store.find("")

    main(status)
    named = capsys.readouterr().out
    assert store.find("") == before
    assert "There is staging that nothing was written to for 30 days: 1 task, 3 objects, " in named
    assert f"  _staging/{old.job.task_key}: 3 objects, " in named
    assert named.endswith(", with a plan\n")

    main([*status, "--staging-age", "50", "--sweep-staging"])
    assert store.find("") == before
    assert capsys.readouterr().out.endswith("There is no staging that nothing was written to for 50 days.\n")

    main([*status, "--sweep-staging"])
    assert "Removed staging that nothing was written to for 30 days: 1 task, " in capsys.readouterr().out
    assert store.find("") == [name for name in before if old.job.task_key not in name]

    main(status)
    assert "taging" not in capsys.readouterr().out


def test_programs_get_the_same(store, old, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["status", "--destination", store.root, "--sweep-staging", "--output", "json"])

    assert caught.value.code == 3  # nothing is published
    values = json.loads(capsys.readouterr().out)

    assert values["datasets"] == []
    (task,) = values["staging"]
    assert (task["folder"], task["objects"], task["has_plan"], task["removed"]) == (
        f"_staging/{old.job.task_key}",
        3,
        True,
        True,
    )
    assert store.find("") == []


def test_status_shows_only_the_bot_that_was_asked_for(store, capsys):
    for bot in ("one", "two"):
        Piece(store, day(1), scope={"bot": bot})

    main(["status", "--destination", store.root, "--scope", "bot=two", "-o", "json"])

    assert [each["folder"] for each in json.loads(capsys.readouterr().out)["datasets"]] == ["bot=two"]


@pytest.mark.parametrize("days", ["6.9", "0", "-1", "nan", "inf", "1e300"])
def test_staging_that_a_try_may_need_is_never_old(days, store):
    with pytest.raises(SystemExit, match=r"--staging-age .* is not a number of days from 7 to 36500"):
        main(["status", "--destination", store.root, "--sweep-staging", "--staging-age", days])


def test_work_that_is_resumed_for_longer_is_kept_for_longer(monkeypatch):
    monkeypatch.setenv("AIRFLOW__CONVEXPORT__CHECKPOINT_MAX_AGE", str(100 * 86_400))

    assert staging_age(None) == 101 * DAY
    with pytest.raises(ConfigurationError, match="from 101 to 36500"):
        staging_age(100.5)
