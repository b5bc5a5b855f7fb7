"""What a re-run and a failed run leave in the destination."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_convexport.compat import AirflowFailException
from airflow_provider_convexport.errors import IncompleteExportError
from airflow_provider_convexport.simulator.faults import Fault
from tests.support.exports import ONCE, export
from tests.support.published import files, named_files, partitions, truth
from tests.support.samples import DAY
from tests.support.streams import MIDNIGHT, STREAMS, case_of

START = MIDNIGHT - 20 * DAY
END = START + 2 * DAY


@pytest.mark.parametrize("case", STREAMS, ids=str)
def test_a_run_over_an_existing_partition_leaves_exactly_the_new_version(simulator, tmp_path, case):
    simulator.update(records=1_000)
    export(case, tmp_path, START, END, target_file_bytes=1)
    before = files(tmp_path)
    simulator.update(records=3_000)

    export(case, tmp_path, START, END)

    after = files(tmp_path)
    assert partitions(tmp_path) == truth(simulator, case, START, END)
    assert {name for name in after if "part-" in name} == named_files(tmp_path)
    assert not {name for name in before & after if "part-" in name}
    assert not (tmp_path / "_staging").exists()


@pytest.mark.parametrize("case", STREAMS, ids=str)
def test_a_run_that_fails_at_any_request_leaves_the_old_version_and_no_part_of_its_own(
    simulator, tmp_path, case
):
    simulator.update(max_page=5)
    export(case, tmp_path, START, END, concurrency=1, retry=ONCE, run_id="first")
    simulator.reset()  # the first one may have made a probe
    export(case, tmp_path, START, END, concurrency=1, retry=ONCE)
    old = partitions(tmp_path)
    parts = {name for name in files(tmp_path) if "_staging" not in name}
    requests = len(simulator.request_log.requests)

    for number in range(1, requests + 1):
        simulator.reset()
        simulator.update(faults=(Fault("status:403", at=number),))
        with pytest.raises(AirflowFailException, match="refused the request with status 403"):
            export(case, tmp_path, START, END, concurrency=1, run_id=f"manual__{number}", retry=ONCE)

        assert {name for name in files(tmp_path) if not name.startswith("_staging")} == parts
        assert partitions(tmp_path) == old


def test_an_interval_without_records_still_gets_its_manifests(simulator, tmp_path):
    long_ago = MIDNIGHT - 500 * DAY

    facts = export(case_of("agentx", "messages"), tmp_path, long_ago, long_ago + 2 * DAY)

    assert facts["records"] == 0
    assert set(partitions(tmp_path).values() and map(len, partitions(tmp_path).values())) == {0}
    assert len(facts["manifests"]) == 2


def test_a_failed_try_is_continued_by_the_next_one_and_not_begun_again(simulator, tmp_path):
    case = case_of("agentx", "messages")
    simulator.update(max_page=1, faults=(Fault("status:403", at=6),))
    with pytest.raises(AirflowFailException):
        export(case, tmp_path, START, START + DAY, concurrency=1)
    first = len(simulator.request_log.requests)
    simulator.reset()
    simulator.update(faults=())

    facts = export(case, tmp_path, START, START + DAY, concurrency=1)

    assert partitions(tmp_path) == truth(simulator, case, START, START + DAY)
    assert facts["requests"] == first + len(simulator.request_log.requests)
    simulator.reset()
    again = export(case, tmp_path / "again", START, START + DAY, concurrency=1)
    assert facts["requests"] == again["requests"] + 1


@pytest.mark.parametrize(
    ("switches", "sentence"),
    [
        ({"drop_list": True}, "answered 200 without its record list"),
        ({"looping_next": True, "max_page": 5}, "next link that does not advance"),
    ],
)
@pytest.mark.parametrize("case", STREAMS, ids=str)
def test_an_answer_that_would_lose_records_fails_with_one_clear_sentence(
    simulator, tmp_path, case, switches, sentence
):
    simulator.update(**switches)

    with pytest.raises(IncompleteExportError, match=sentence) as caught:
        export(case, tmp_path, START, END)

    assert "\n" not in str(caught.value)
    assert not list(tmp_path.rglob("part-*"))


def test_a_window_of_31_days_that_the_vendor_refuses_fails_with_one_clear_sentence(simulator, tmp_path):
    def ask_for_too_much(hook):
        too_long = replace(hook.streams["conversations"], request_window=31 * DAY)
        hook.streams = {"conversations": too_long}

    begin = MIDNIGHT - 40 * DAY

    with pytest.raises(AirflowFailException) as caught:
        export(case_of("applied_labs").with_hook(ask_for_too_much), tmp_path, begin, begin + 31 * DAY)

    assert str(caught.value) == (
        "Applied Labs /v2026-04/conversations/export/ refused the request with status 400, naming parameter "
        "created_at__range (request id not given). The vendor will reject this request whenever it is sent "
        "again; check the Dag's arguments."
    )
    assert not list(tmp_path.rglob("part-*"))
