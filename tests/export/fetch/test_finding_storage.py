from __future__ import annotations

import logging
import stat

import pytest

from airflow_provider_convexport.export.fetch.finding_storage import MachineFindings, findings_in
from airflow_provider_convexport.export.fetch.window_probe import Finding

FINDING = Finding("lastActionAt", "probe", 1_777_708_800.5)
NAME = "agentx:0123456789abcdef:/conversations"


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture(params=["memory", "machine", "redis"])
def findings(request, own_folder):
    return findings_in(request.getfixturevalue("redis_url") if request.param == "redis" else request.param)


def test_a_finding_is_kept_until_it_is_deleted(findings):
    assert findings.get(NAME) is None
    findings.put(NAME, FINDING)

    assert findings.get(NAME) == FINDING
    assert findings.get("another account") is None

    findings.put(NAME, None)
    findings.put(NAME, None)
    assert findings.get(NAME) is None


def test_another_process_of_the_machine_has_the_finding_and_nobody_else_can_read_it(own_folder):
    MachineFindings().put(NAME, FINDING)

    assert MachineFindings().get(NAME) == FINDING
    [folder] = own_folder.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not [path for path in folder.iterdir() if "agentx" in path.name]


def test_another_worker_has_the_finding_in_redis(redis_url):
    findings_in(redis_url).put(NAME, FINDING)

    assert findings_in(redis_url).get(NAME) == FINDING


@pytest.mark.parametrize("content", [b"", b"{}", b'{"window_on":1}', b"\xff"])
def test_a_file_of_another_version_is_no_finding(own_folder, content):
    MachineFindings().put(NAME, FINDING)
    [path] = own_folder.glob("*/*")
    path.write_bytes(content)

    assert MachineFindings().get(NAME) is None


def test_a_folder_that_cannot_be_used_is_a_warning(own_folder, caplog):
    findings = MachineFindings()
    findings.put(NAME, FINDING)
    [folder] = own_folder.iterdir()
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.write_text("not a folder")

    with caplog.at_level(logging.WARNING):
        findings.put(NAME, FINDING)

    assert findings.get(NAME) is None
    assert "cannot be kept in" in caplog.text
