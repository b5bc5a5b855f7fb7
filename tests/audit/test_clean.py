"""Clean data has no gaps, whatever is true of the vendor; what is found lies beside the manifest."""

from __future__ import annotations

import pytest

from airflow_provider_convexport.audit import run
from airflow_provider_convexport.audit.findings import AUDIT, read_audit
from airflow_provider_convexport.cli.__main__ import main
from airflow_provider_convexport.export.dataset.reader import read_partitions
from airflow_provider_convexport.export.job import TaskTry
from airflow_provider_convexport.hooks.vendors import vendors
from tests.support.audits import AUDITED, FIRST, audit, datasets_of, export_all, records_of, verdicts
from tests.support.exports import export
from tests.support.samples import DAY
from tests.support.stores import local_store
from tests.support.streams import case_of

pytestmark = pytest.mark.usefixtures("long_memory")


@pytest.mark.parametrize("vendor", vendors())
def test_an_audit_of_what_was_just_exported_finds_nothing(vendor, simulator, tmp_path):
    export_all(vendor, tmp_path)

    outcome = audit(vendor, tmp_path)

    assert verdicts(outcome) == {}
    assert len(outcome.audited) == len(datasets_of(vendor))
    assert all(each.audit.ok for each in outcome.audited)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("vendor", vendors())
def test_no_seed_has_a_false_gap(vendor, seed, simulator, tmp_path):
    simulator.update(seed=seed, hostile=bool(seed % 2), records=4_000)
    export_all(vendor, tmp_path)

    assert verdicts(audit(vendor, tmp_path, days=2)) == {}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("vendor", vendors())
def test_records_that_live_on_are_changed_and_never_a_gap(vendor, seed, simulator, tmp_path):
    simulator.update(seed=seed, living=True, hostile=bool(seed % 2), records=6_000)
    for number in range(9):
        day = FIRST + number * DAY
        simulator.update(now=f"{day + DAY * 1.25:%Y-%m-%dT%H:%M:%SZ}")
        for case in datasets_of(vendor):
            export(case, tmp_path / str(case), day, day + DAY)
    simulator.update(now=None)

    outcome = audit(vendor, tmp_path, start=FIRST, days=9)

    assert len(outcome.audited) == 9 * len(datasets_of(vendor))
    assert [(each.partition.url, each.audit.checks) for each in outcome.audited if each.audit.gaps] == []
    assert sum(each.audit.changed for each in outcome.audited) > 0


@pytest.fixture
def with_a_gap(simulator, tmp_path):
    """A week of Ada, of which a conversation of the audited day is not published."""
    case = case_of("ada")
    lost = records_of(simulator, case)[0]["_id"]
    simulator.update(leave_out=(f"ada/conversations/{lost}",))
    export_all("ada", tmp_path)
    simulator.update(leave_out=())
    return case


def test_the_result_lies_beside_the_manifest_and_names_no_record(with_a_gap, simulator, tmp_path):
    ((partition, result),) = audit("ada", tmp_path, cases=[with_a_gap]).audited

    text = partition.store.get(f"{partition.folder}/{AUDIT}").decode()
    assert read_audit(partition.store, partition.folder) == result
    assert (result.commit, result.ok, result.gaps) == (partition.manifest.commit, False, 1)
    assert not [each for each in records_of(simulator, with_a_gap) if each["_id"] in text]
    assert len(text) < 2_000


def test_nothing_else_sees_the_result(with_a_gap, simulator, tmp_path, capsys):
    destination = tmp_path / str(with_a_gap)
    capsys.readouterr()
    main(["files", "--destination", str(destination)])
    before = capsys.readouterr().out
    audit("ada", tmp_path, cases=[with_a_gap])

    main(["files", "--destination", str(destination)])
    assert capsys.readouterr().out == before
    main(["status", "--destination", str(destination), "--verify"])
    assert "Foreign" not in capsys.readouterr().out
    assert sum(1 for _ in read_partitions(local_store(destination))) == 6
    export(with_a_gap, destination, AUDITED, AUDITED + DAY, run_id="again")
    assert (destination / f"dt={AUDITED:%Y-%m-%d}" / AUDIT).exists()
    assert audit("ada", tmp_path, cases=[with_a_gap]).gaps == 0


def test_a_try_that_was_rescheduled_does_not_audit_again_what_it_has_audited(with_a_gap, simulator, tmp_path):
    task = TaskTry("dag", "audit", "scheduled__1")
    first = audit("ada", tmp_path, cases=[with_a_gap], days=3, task=task)
    simulator.reset()

    second = audit("ada", tmp_path, cases=[with_a_gap], days=3, task=task)

    assert [each.audit for each in second.audited] == [each.audit for each in first.audited]
    assert simulator.request_log.requests == []
    audit("ada", tmp_path, cases=[with_a_gap], days=3, task=TaskTry("dag", "audit", "scheduled__2"))
    assert len(simulator.request_log.requests) == 9


def test_every_request_is_counted(with_a_gap, simulator, tmp_path):
    simulator.reset()

    outcome = audit("ada", tmp_path, days=3)

    counted = sum(each.audit.requests for each in outcome.audited)
    assert counted == len(simulator.request_log.requests) > 27


def test_a_version_that_is_published_while_it_is_audited_is_audited_instead(
    with_a_gap, simulator, tmp_path, monkeypatch
):
    usual = run.check_edges

    def check_edges(*args):
        monkeypatch.setattr(run, "check_edges", usual)
        export(with_a_gap, tmp_path / str(with_a_gap), AUDITED, AUDITED + DAY, run_id="meanwhile")
        usual(*args)

    monkeypatch.setattr(run, "check_edges", check_edges)

    ((partition, result),) = audit("ada", tmp_path, cases=[with_a_gap]).audited

    assert (result.commit, result.gaps) == (partition.again().manifest.commit, 0)
