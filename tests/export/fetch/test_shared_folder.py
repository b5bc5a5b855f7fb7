from __future__ import annotations

import os
import re
import stat
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.fetch.budget_storage import counter_factory
from airflow_provider_convexport.export.fetch.finding_storage import findings_in
from airflow_provider_convexport.export.fetch.limit import Limit
from airflow_provider_convexport.export.fetch.shared_folder import machine_folder, own_folder
from airflow_provider_convexport.export.fetch.window_probe import Finding

FINDING = Finding("created_at", "probe", 0.0)
LIMITS = (Limit(2, timedelta(seconds=30)),)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The folder of the budgets, which does not exist yet, in a temporary folder of the test's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    return machine_folder()


def count():
    counter_factory("machine")("ada:acme", LIMITS).take()


def write_finding():
    findings_in("machine").put("ada:acme", FINDING)


def forget_finding():
    findings_in("machine").put("ada:acme", None)


WARNED = pytest.mark.parametrize("use", [write_finding, forget_finding])


def refusal(folder, problem):
    with pytest.raises(ConfigurationError) as caught:
        count()
    assert str(caught.value) == (
        f"The request budget is not kept in {folder}, because {problem}; remove it, or set TMPDIR to a "
        "folder of this user, or [convexport] budget_storage to 'memory' or a redis:// URL."
    )


def test_a_link_is_not_followed(folder, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    folder.symlink_to(elsewhere)

    refusal(folder, "it is a link or a file")

    assert list(elsewhere.iterdir()) == []


def test_a_link_that_leads_nowhere_and_a_file_are_refused(folder, tmp_path):
    folder.symlink_to(tmp_path / "nowhere")
    refusal(folder, "it is a link or a file")
    folder.unlink()
    folder.touch()
    refusal(folder, "it is a link or a file")


def test_a_folder_of_another_user_is_not_used(folder, monkeypatch):
    folder.mkdir(mode=0o700)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)

    refusal(folder, f"it belongs to the user with the id {owner}")

    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("mode", [0o777, 0o755, 0o770, 0o1777, 0o701])
def test_a_folder_that_others_have_access_to_is_not_used(folder, mode):
    folder.mkdir()
    folder.chmod(mode)

    refusal(folder, "other users have access to it")

    assert list(folder.iterdir()) == []


@WARNED
def test_findings_are_not_written_to_a_folder_that_others_have_access_to(folder, tmp_path, caplog, use):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    folder.symlink_to(elsewhere)

    use()

    assert list(elsewhere.iterdir()) == []
    (line,) = caplog.messages
    assert "because it is a link or a file" in line


def test_findings_are_not_read_from_a_folder_that_others_have_access_to(folder):
    write_finding()
    assert findings_in("machine").get("ada:acme") == FINDING

    folder.chmod(0o777)

    assert findings_in("machine").get("ada:acme") is None


def test_the_folder_is_made_for_this_user_alone_whatever_the_umask_is(folder):
    before = os.umask(0)
    try:
        assert own_folder(folder) == folder == own_folder(folder)
    finally:
        os.umask(before)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_is_removed_while_it_is_made_is_made_again(folder, monkeypatch):
    real, removed = Path.lstat, []

    def lstat(path):
        if path == folder and not removed:
            removed.append(path)
            path.rmdir()
        return real(path)

    monkeypatch.setattr(Path, "lstat", lstat)

    assert own_folder(folder).is_dir()
    assert removed


def test_a_temporary_folder_that_does_not_exist_is_told_once(folder):
    folder.parent.rmdir()

    with pytest.raises(
        ConfigurationError, match=re.escape(f"The request budget cannot be kept in {folder} (")
    ):
        count()
