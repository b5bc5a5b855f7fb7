from __future__ import annotations

import json
from datetime import timedelta

import pytest

from airflow_provider_convexport.cli.__main__ import main
from airflow_provider_convexport.cli.asked_days import reading_span
from airflow_provider_convexport.cli.coverage import coverage_of, read_coverage
from airflow_provider_convexport.cli.expected import AskedDays
from airflow_provider_convexport.cli.reports import reports_of
from airflow_provider_convexport.cli.status import coverage_text, coverage_values
from airflow_provider_convexport.export.dataset.manifest import MANIFEST
from airflow_provider_convexport.export.window import Window
from tests.support.counted import counted_store, fill
from tests.support.runs import Piece, Run, at, day
from tests.support.samples import APRIL_1, DAY, HOUR
from tests.support.stores import local_store


@pytest.fixture
def store(tmp_path):
    return local_store(tmp_path)


def reports(store, now):
    return reports_of(store, store.find(""), read_coverage(store), AskedDays(), now)


def text_of(store, now):
    return coverage_text(reports(store, now), store.url).splitlines()


def code_of(store, *options):
    """Return the exit code of the command."""
    try:
        main(["status", "--destination", store.root, *options])
    except SystemExit as end:
        return end.code
    return 0


def put_manifest(store, folder, content):
    store.put(f"{folder}/{MANIFEST}", content)


def files_of(store, folder):
    return [name for name in store.find(folder) if "/part-" in name]


def test_nothing_is_published_in_an_empty_folder(store):
    assert coverage_text([], store.url) == f"Nothing is published under {store.url}."


def test_a_line_for_each_dataset_stands_above_a_calendar_that_reaches_to_yesterday(store):
    Piece(store, day(1, 2), ("a", at(1)), ("b", at(1)))
    Piece(store, day(29, 3), ("c", at(30)), ("d", at(31)))

    text = text_of(store, APRIL_1 + 33 * DAY + 5 * HOUR)

    (report,) = reports(store, APRIL_1 + 33 * DAY)
    assert text[0] == (
        "dataset                         days  empty  missing  unsettled     records  last commit"
    )
    assert text[1].startswith(
        "acme conversations by created      5      2       28          0           4  20"
    )
    assert text[3] == "acme conversations by created"
    assert text[5:8] == [
        "         1234567890123456789012345678901",
        "2026-04  #.--------------------------.#",
        "2026-05  #--",
    ]
    assert text[9] == (
        "5 partitions, 2026-04-01T00:00:00Z..2026-05-04T00:00:00Z, with 4 records in "
        f"{report.dataset.bytes} bytes."
    )
    assert text[10] == (
        "Not published: 2026-04-03T00:00:00Z..2026-04-29T00:00:00Z, "
        "2026-05-02T00:00:00Z..2026-05-04T00:00:00Z. No records: "
        "2026-04-02T00:00:00Z..2026-04-03T00:00:00Z, 2026-04-29T00:00:00Z..2026-04-30T00:00:00Z."
    )
    assert text[-2].startswith("#  records")


def test_days_published_twice_or_in_part_are_marked(store):
    Piece(store, day(1, 3), ("a", at(1)))
    Piece(store, Window(APRIL_1 + 2 * DAY + HOUR, APRIL_1 + 3 * DAY), partition_by="interval")
    Piece(store, Window(APRIL_1 + 4 * DAY, APRIL_1 + 4 * DAY + HOUR), ("b", at(5, 0)), partition_by="hour")

    text = text_of(store, APRIL_1 + 5 * DAY)

    assert "2026-04  #.!-~" in text
    assert "Published more than once: 2026-04-03T01:00:00Z..2026-04-04T00:00:00Z." in text


def test_what_had_expired_when_it_was_exported_is_not_a_gap(store):
    Piece(store, day(1, 2), ("a", at(2)), kept_from=APRIL_1 + DAY + 6 * HOUR)

    (report,) = reports(store, APRIL_1 + 2 * DAY)
    text = coverage_text([report], store.url)

    assert report.gaps == []
    assert "No longer kept by the vendor when exported: 2026-04-02T00:00:00Z..2026-04-02T06:00:00Z." in text


def test_values_for_programs_say_the_same(store):
    Piece(store, day(1), ("a", at(1)))
    Piece(store, day(3))

    (values,) = coverage_values(reports(store, APRIL_1 + 3 * DAY))

    assert values == {
        "folder": "",
        "vendor": "acme",
        "stream": "conversations",
        "scope": {},
        "filters": {},
        "window_on": "created",
        "timezone": "UTC",
        "span": ["2026-04-01T00:00:00Z", "2026-04-04T00:00:00Z"],
        "partitions": 2,
        "records": 1,
        "bytes": values["bytes"],
        "totals": {"days": 2, "empty": 1, "missing": 1, "unsettled": 0},
        "last_commit": values["last_commit"],
        "gaps": [["2026-04-02T00:00:00Z", "2026-04-03T00:00:00Z"]],
        "not_due": [],
        "early": [],
        "empty": [["2026-04-03T00:00:00Z", "2026-04-04T00:00:00Z"]],
        "overlaps": [],
        "expired": [],
        "days": {"2026-04-01": "#", "2026-04-02": "-", "2026-04-03": "."},
    }
    assert values["last_commit"].endswith("Z")


def test_one_partition_one_record_and_many_bytes_are_counted_in_proper_english(store):
    Piece(store, day(1), ("a", at(1)))

    (report,) = reports(store, APRIL_1 + DAY)

    sentence = f"1 partition, {report.span}, with 1 record in {report.dataset.bytes} bytes."
    assert sentence in coverage_text([report], store.url).splitlines()


def test_bots_are_named_once(store):
    for bot in ("one", "two"):
        Piece(store, day(1), scope={"bot": bot})

    assert "acme conversations by created, bot=two" in text_of(store, APRIL_1 + DAY)


def test_a_path_without_anything_has_an_exit_code_of_its_own(store, capsys):
    assert code_of(store) == 3
    assert capsys.readouterr().out == f"Nothing is published under {store.url}.\n"


def test_gaps_fail_only_if_that_is_asked_for(store):
    Piece(store, day(1), ("a", at(1)))
    asked = ["--from", "2026-04-01", "--until", "2026-04-02"]

    assert code_of(store, *asked) == 0
    assert code_of(store, *asked, "--fail-on-gaps") == 4

    Piece(store, day(2))
    assert code_of(store, *asked, "--fail-on-gaps") == 0
    assert code_of(store, "--from", "2026-03-31", "--to", "2026-04-03", "--fail-on-gaps") == 4
    assert code_of(store, "--until", "yesterday", "--fail-on-gaps") == 4


def test_a_range_without_partitions_is_missing_as_a_whole(store, capsys):
    Piece(store, day(1), ("a", at(1)))

    assert code_of(store, "--from", "2026-06-01", "--to", "2026-06-04", "-o", "json") == 0

    (values,) = json.loads(capsys.readouterr().out)["datasets"]
    assert (values["totals"]["missing"], values["partitions"], values["last_commit"]) == (3, 0, None)
    assert set(values["days"].values()) == {"-"}


def test_a_range_of_a_few_days_reads_only_partitions_around_them():
    store = counted_store()
    fill(store, 400)
    asked = AskedDays((APRIL_1 + 40 * DAY).date(), (APRIL_1 + 49 * DAY).date())
    span = reading_span(asked, APRIL_1 + 500 * DAY)
    (dataset,), _ = coverage_of(store, store.find(""), span=span)

    assert span == day(41, 10)
    assert len(dataset.partitions) == store.fs.operations["read"] == 15


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--from", "0000-01-01"], "--from 0000-01-01 is not a day; write one such as 2026-04-01."),
        (["--from", "0001-01-01"], "--from 0001-01-01 is too early; write a day after 1970-01-01."),
        (
            ["--until", "tomorrow"],
            "--until tomorrow is not a day; write one such as 2026-04-01, or yesterday.",
        ),
        (["--to", "2026-04-01", "--until", "yesterday"], "--to and --until both name the end of the range"),
        (["--from", "2026-04-02", "--to", "2026-04-02"], "The range ends before it begins, at 2026-04-02"),
    ],
)
def test_a_range_that_cannot_be_used_is_refused_in_one_sentence(options, sentence, store):
    with pytest.raises(SystemExit) as caught:
        main(["status", "--destination", store.root, *options])

    assert str(caught.value.code).startswith(sentence)
    assert "\n" not in str(caught.value.code)


def test_a_range_that_never_ends_is_cut_at_today(store, capsys):
    Piece(store, day(1), ("a", at(1)))

    assert code_of(store, "--to", "9999-12-31", "-o", "json") == 0

    (values,) = json.loads(capsys.readouterr().out)["datasets"]
    assert len(values["days"]) < 5000


@pytest.mark.parametrize(
    "content", [b"{}", b"\xff", b'{"format_version": 1', b"[]"], ids=["other", "no text", "cut", "list"]
)
def test_a_damaged_manifest_is_named_and_does_not_end_the_report(store, capsys, content):
    Piece(store, day(1), ("a", at(1)))
    put_manifest(store, "dt=2026-04-02", content)
    Piece(store, day(3), ("b", at(3)))

    assert code_of(store, "--until", "2026-04-03") == 5

    out = capsys.readouterr().out
    assert "2026-04  #-#\n" in out
    assert "1 manifest cannot be read, so what they describe counts as missing:\n" in out
    assert f"  {store.url}/dt=2026-04-02/_manifest.json is not a manifest" in out


def test_a_manifest_whose_times_are_none_is_damaged(store, capsys):
    Piece(store, day(1), ("a", at(1)))
    (name,) = [name for name in store.find("") if name.endswith(MANIFEST)]
    content = store.get(name)
    assert b"2026-04-02T00:00:00Z" in content

    for wrong in (b"2026-03-02T00:00:00Z", b"2026-04-02T00:00:00", b"soon"):
        store.put(name, content.replace(b"2026-04-02T00:00:00Z", wrong))
        assert code_of(store) == 5
        assert "names a time that is none; export its interval again." in capsys.readouterr().out


def test_files_that_are_gone_or_cut_are_found_with_verify_only(store, capsys):
    Piece(store, day(1, 3), ("a", at(1)), ("b", at(2)), ("c", at(3)))
    (gone,), (cut,) = files_of(store, "dt=2026-04-01"), files_of(store, "dt=2026-04-02")
    size = len(store.get(cut))
    store.delete([gone])
    store.put(cut, b"half")

    assert code_of(store) == 0
    capsys.readouterr()
    assert code_of(store, "--verify", "--fail-on-gaps") == 5

    out = capsys.readouterr().out
    assert "Verified: 1 of 3 files that manifests name are there with the size" in out
    assert f"  {gone} is gone.\n  {cut} has 4 bytes instead of {size}.\n" in out


def test_verify_names_foreign_files_leftovers_and_staging_which_are_no_damage(store, capsys):
    Piece(store, day(1), ("a", at(1)))
    run = Run(store, ("b", at(2)))
    left = "dt=2026-04-01/part-0123456789abcdef-00000.jsonl.gz"
    for name in (left, "notes.txt", "dt=2026-04-01/_SUCCESS", "_staging/README"):
        store.put(name, b"x")

    assert code_of(store, "--verify", "-o", "json") == 0

    values = json.loads(capsys.readouterr().out)
    assert values["verified"] == {
        "files": 1,
        "wrong": [],
        "unnamed": [left],
        "foreign": ["_staging/README", "dt=2026-04-01/_SUCCESS", "notes.txt"],
    }
    staging = {task["folder"]: (task["old"], task["removed"]) for task in values["staging"]}
    assert staging[f"_staging/{run.job.task_key}"] == (False, False)


def test_verify_with_a_shop_or_range_judges_only_the_folders_that_it_reads(store, capsys):
    for bot in ("one", "two"):
        Piece(store, day(1), ("a", at(1)), scope={"bot": bot})
        store.put(f"bot={bot}/dt=2026-04-01/note.txt", b"x")
    (gone,) = files_of(store, "bot=two")
    store.delete([gone])

    assert code_of(store, "--verify", "--scope", "bot=one", "-o", "json") == 0
    assert json.loads(capsys.readouterr().out)["verified"]["foreign"] == ["bot=one/dt=2026-04-01/note.txt"]
    assert code_of(store, "--verify", "--scope", "bot=two") == 5


def test_the_settle_time_of_the_vendor_decides_when_yesterday_is_missing(store):
    Piece(store, day(1), ("a", at(1)))
    (report,) = reports(store, APRIL_1 + 2 * DAY + HOUR)

    assert report.settle == timedelta(0)  # nothing is known of this vendor
    assert report.gaps == [day(2)]
