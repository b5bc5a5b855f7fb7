from __future__ import annotations

import json
import os
import time

import pytest

from airflow_provider_convexport.cli.__main__ import main
from airflow_provider_convexport.export.job import TaskTry
from tests.support.audits import AUDITED, export_all, records_of
from tests.support.runs import TASK, Run, at
from tests.support.samples import DAY
from tests.support.stores import local_store
from tests.support.streams import case_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("long_memory")]
RANGE = ("--from", f"{AUDITED:%Y-%m-%d}", "--until", f"{AUDITED:%Y-%m-%d}")
PARTITION = f"dt={AUDITED:%Y-%m-%d}"


def code_of(*options):
    """Return the exit code of the command, or the sentence that it ends with."""
    try:
        main(["audit", *map(str, options)])
    except SystemExit as end:
        return end.code
    return 0


@pytest.fixture
def published(simulator, tmp_path):
    export_all("ada", tmp_path)
    simulator.reset()
    return tmp_path


def test_it_says_of_each_partition_whether_it_has_a_gap(published, simulator, capsys):
    capsys.readouterr()

    assert code_of("--conn-id", "ada_default", "--destination", published, *RANGE) == 0

    lines = capsys.readouterr().out.splitlines()
    assert sorted(lines[:3]) == [
        f"file://{published}/{name}/{PARTITION} shows no gap."
        for name in ("ada-conversations-updated", "ada-conversations", "ada-messages")
    ]
    assert lines[3] == "Audited 3 of 3 partitions with 9 requests: no gap."


@pytest.mark.parametrize(("options", "code"), [((), 0), (("--fail-on-gaps",), 4)])
def test_gaps_are_an_exit_code_if_they_are_to_be(options, code, simulator, tmp_path, capsys):
    lost = records_of(simulator, case_of("ada"))[0]["_id"]
    simulator.update(leave_out=(f"ada/conversations/{lost}",))
    export_all("ada", tmp_path)
    simulator.update(leave_out=())
    capsys.readouterr()

    found = code_of("--conn-id", "ada_default", "--destination", tmp_path, *RANGE, "-o", "json", *options)

    values = json.loads(capsys.readouterr().out)
    assert found == code
    gaps = {each["dataset"].rpartition("/")[2]: each["gaps"] for each in values["audit"]["partitions"]}
    assert (gaps["ada-conversations"], gaps["ada-messages"]) == (1, 1)


def test_nothing_published_is_an_exit_code(simulator, tmp_path):
    assert code_of("--conn-id", "ada_default", "--destination", tmp_path) == 3


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ((), "name the vendor's connection with --conn-id"),
        (("--conn-id", "ada_default", "--share", "2"), "above 0 and up to 1"),
        (("--conn-id", "ada_default", "--repair"), "add --files"),
        (("--conn-id", "ada_default", "--from", "2026-04-02", "--until", "2026-04-01"), "ends before"),
        (("--conn-id", "ada_default", "--from", "3026-04-02"), "has not ended yet"),
        (("--conn-id", "ada_default", "--scope", "bot_name=b"), "does not exist at Ada"),
        (("--files", "--staging-age", "1"), "not a number of days"),
    ],
)
def test_a_wrong_option_is_one_sentence_before_any_request(options, advice, published, simulator):
    assert advice in code_of("--destination", published, *options)
    assert simulator.request_log.requests == []


def test_files_that_were_changed_are_found_although_their_size_is_right(published, simulator, capsys):
    assert code_of("--files", "--destination", published, *RANGE) == 0
    assert "Read: 3 of 3 partitions have the checksums" in capsys.readouterr().out
    (path,) = (published / "ada-conversations" / PARTITION).glob("part-*")
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(content)

    assert code_of("--files", "--destination", published, *RANGE) == 5

    text = capsys.readouterr().out
    assert "Read: 2 of 3 partitions" in text
    assert "its size or checksum differs" in text
    assert simulator.request_log.requests == []


def test_a_file_that_is_gone_or_foreign_is_named(published, simulator, capsys):
    (path,) = (published / "ada-messages" / PARTITION).glob("part-*")
    path.unlink()
    (path.parent / "notes.txt").write_text("mine")

    assert code_of("--files", "--destination", published, *RANGE, "-o", "json") == 5

    ((found),) = json.loads(capsys.readouterr().out)["files"]
    name = f"ada-messages/{PARTITION}"
    assert [each["name"] for each in found["verified"]["wrong"]] == [f"{name}/{path.name}"]
    assert found["verified"]["foreign"] == [f"{name}/notes.txt"]
    assert found["wrong"] == []


def test_repair_removes_the_staging_of_a_task_that_is_long_gone_and_nothing_else(
    published, simulator, capsys
):
    store = local_store(published / "ada-messages")
    for task, age in ((TASK, 40 * DAY), (TaskTry("dag", "other", "manual__1"), 0 * DAY)):
        fresh = set(store.find("_staging"))
        Run(store, ("a", at(1)), task=task)
        moment = time.time() - age.total_seconds()
        for name in set(store.find("_staging")) - fresh:
            os.utime(f"{store.root}/{name}", (moment, moment))
    before = store.find("")

    assert code_of("--files", "--destination", published / "ada-messages", *RANGE) == 0
    assert "remove it with --repair." in capsys.readouterr().out
    assert store.find("") == before
    assert code_of("--files", "--repair", "--destination", published / "ada-messages", *RANGE) == 0

    assert "Removed staging that nothing was written to for 30 days: 1 task" in capsys.readouterr().out
    gone = set(before) - set(store.find(""))
    assert len(gone) * 2 == len([name for name in before if name.startswith("_staging/")])
    assert all(name.startswith("_staging/") for name in gone)
