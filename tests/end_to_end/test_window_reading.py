"""AgentX does not say by which field its window selects: each reading loses and doubles no conversation."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from airflow_provider_convexport.cli.__main__ import main
from airflow_provider_convexport.compat import AirflowFailException
from airflow_provider_convexport.errors import IncompleteExportError
from airflow_provider_convexport.export.fetch.window_probe import Finding
from airflow_provider_convexport.hooks.agentx import AgentXHook
from tests.support.exports import export
from tests.support.published import manifests, partitions, truth
from tests.support.samples import DAY
from tests.support.streams import MIDNIGHT, case_of

CASE = case_of("agentx")
START = MIDNIGHT - 30 * DAY
READINGS = {"startTime": "startTime", "lastActionAt": "lastActionAt", "overlap": "startTime"}
"""For each way in which the vendor may select, the field that the export goes by."""

each_way = pytest.mark.parametrize("way", READINGS)


@pytest.fixture
def no_probe(monkeypatch):
    """No conversation tells."""
    monkeypatch.setattr(
        "airflow_provider_convexport.export.fetch.window_reading.probe", lambda *args, **kwargs: None
    )


def conversations_by(field):
    return replace(CASE, truth_on=field)


def established(folder):
    return {(manifest["window_on"], manifest["window_evidence"]) for manifest in manifests(folder).values()}


def daily(folder, count, **kwargs):
    return [
        export(CASE, folder, START + day * DAY, START + (day + 1) * DAY, **kwargs) for day in range(count)
    ]


def asked_of(simulator):
    return [visit for visit in simulator.request_log.requests if visit.endpoint == "conversations"]


@each_way
@pytest.mark.parametrize("inclusive", [True, False])
@pytest.mark.parametrize("size", [7, None])
def test_adjacent_daily_runs_lose_none_and_double_none(simulator, tmp_path, way, inclusive, size):
    simulator.update(
        agentx_conversation_filter=way,
        lower_inclusive=inclusive,
        upper_inclusive=inclusive,
        max_page=size,
        records=4_000,
    )

    daily(tmp_path, 6)

    found = partitions(tmp_path)
    assert found == truth(simulator, conversations_by(READINGS[way]), START, START + 6 * DAY)
    assert max(Counter(line for lines in found.values() for line in lines).values()) == 1
    assert established(tmp_path) == {(READINGS[way], "overlap" if way == "overlap" else "probe")}


@each_way
def test_one_run_of_many_days_is_the_same(simulator, tmp_path, way):
    simulator.update(agentx_conversation_filter=way, max_page=20)

    export(CASE, tmp_path, START, START + 10 * DAY)

    assert partitions(tmp_path) == truth(simulator, conversations_by(READINGS[way]), START, START + 10 * DAY)


@each_way
def test_a_probe_takes_three_requests_once(simulator, tmp_path, way):
    simulator.update(agentx_conversation_filter=way)

    first, second, *_ = daily(tmp_path, 3)

    assert (first["requests"], second["requests"]) == (4, 1)


@each_way
def test_without_a_probe_the_pages_decide_before_anything_is_published(simulator, tmp_path, way, no_probe):
    simulator.update(agentx_conversation_filter=way, records=4_000)
    if way == "overlap":
        with pytest.raises(
            IncompleteExportError, match="by their startTime and others by their lastActionAt"
        ):
            export(CASE, tmp_path, START, START + 5 * DAY)
        assert not manifests(tmp_path)
        return

    export(CASE, tmp_path, START, START + 5 * DAY)

    assert partitions(tmp_path) == truth(simulator, conversations_by(way), START, START + 5 * DAY)
    expected = {"startTime": ("startTime", "assumed"), "lastActionAt": ("lastActionAt", "page")}
    assert established(tmp_path) == {expected[way]}
    assert not (tmp_path / "_staging").exists()


def test_a_finding_that_is_no_longer_true_is_corrected_by_the_pages(simulator, tmp_path):
    daily(tmp_path / "before", 1)
    simulator.update(agentx_conversation_filter="lastActionAt", records=4_000)

    for run in ("first", "second"):
        export(CASE, tmp_path / run, START, START + 3 * DAY)

    assert partitions(tmp_path / "second") == partitions(tmp_path / "first")
    assert partitions(tmp_path / "first") == truth(
        simulator, conversations_by("lastActionAt"), START, START + 3 * DAY
    )
    assert established(tmp_path / "second") == {("lastActionAt", "probe")}  # made again after a page


@pytest.mark.parametrize("evidence", ["probe", "page"])
@pytest.mark.parametrize(("way", "wrong"), [("startTime", "lastActionAt"), ("lastActionAt", "startTime")])
def test_a_wrong_window_on_fails_without_retry_and_says_what_to_write(
    simulator, tmp_path, way, wrong, evidence, request
):
    simulator.update(agentx_conversation_filter=way, records=4_000)
    if evidence == "page":
        request.getfixturevalue("no_probe")
    proof = {"probe": "a probe", "page": "a record of an export"}[evidence]

    with pytest.raises(AirflowFailException) as caught:
        export(replace(CASE, window_on=wrong), tmp_path, START, START + 5 * DAY)

    assert str(caught.value) == (
        f"window_on={wrong!r} is not what AgentX Support /conversations/export/v1/conversations selects by: "
        f"{proof} has proven that it is {way}; leave window_on out, or write window_on={way!r}."
    )
    assert not manifests(tmp_path)


@each_way
def test_a_right_window_on_is_used(simulator, tmp_path, way):
    simulator.update(agentx_conversation_filter=way)
    case = replace(CASE, window_on=READINGS[way], truth_on=READINGS[way])

    export(case, tmp_path, START, START + DAY)

    assert partitions(tmp_path) == truth(simulator, case, START, START + DAY)


def test_a_vendor_that_selects_by_both_allows_either(simulator, tmp_path):
    simulator.update(agentx_conversation_filter="overlap")
    case = replace(CASE, window_on="lastActionAt", truth_on="lastActionAt")

    for day in range(3):
        export(case, tmp_path, START + day * DAY, START + (day + 1) * DAY)

    assert partitions(tmp_path) == truth(simulator, case, START, START + 3 * DAY)
    assert established(tmp_path) == {("lastActionAt", "overlap")}


def test_an_account_without_conversations_is_undecided_and_asks_again(simulator, tmp_path, nothing_found_out):
    simulator.update(records=0, seams=False)

    first, second = daily(tmp_path, 2)

    assert established(tmp_path) == {("startTime", "assumed")}
    assert nothing_found_out.kept == {}
    assert first["requests"] == second["requests"] == 5


def test_what_was_assumed_is_replaced_by_what_is_proven(simulator, tmp_path):
    simulator.update(records=0, seams=False)
    daily(tmp_path, 3)
    simulator.update(records=1_200, seams=True, agentx_conversation_filter="lastActionAt")

    daily(tmp_path, 3, run_id="again")

    assert partitions(tmp_path) == truth(simulator, conversations_by("lastActionAt"), START, START + 3 * DAY)


def test_an_old_finding_is_established_again_and_kept_if_nothing_tells(
    simulator, tmp_path, nothing_found_out
):
    daily(tmp_path, 1)
    ((name, finding),) = nothing_found_out.kept.items()
    old = Finding("startTime", "probe", finding.found_at - 31 * 86_400)
    nothing_found_out.put(name, old)

    daily(tmp_path, 1, run_id="second")
    assert nothing_found_out.get(name).found_at >= finding.found_at

    nothing_found_out.put(name, old)
    simulator.update(records=0, seams=False)
    export(CASE, tmp_path / "empty", START, START + DAY)
    assert established(tmp_path / "empty") == {("startTime", "probe")}
    assert nothing_found_out.get(name) == old


def test_a_destination_of_another_kind_is_refused_before_the_first_request(simulator, tmp_path):
    export(case_of("agentx", "messages"), tmp_path, START, START + DAY)
    simulator.reset()

    with pytest.raises(AirflowFailException, match="holds a dataset with stream='messages'"):
        export(CASE, tmp_path, START, START + DAY)

    assert simulator.request_log.requests == []


@each_way
def test_a_hook_yields_the_records_of_the_reading(simulator, way):
    simulator.update(agentx_conversation_filter=way)

    found = [one["_id"] for one in AgentXHook().export_conversations(START, START + 2 * DAY)]

    lines = truth(simulator, conversations_by(READINGS[way]), START, START + 2 * DAY)
    assert len(found) == len(set(found)) == sum(map(len, lines.values()))
    assert all(
        any(f'"{identity}"'.encode() in line for each in lines.values() for line in each)
        for identity in found
    )


def test_a_hook_whose_pages_disprove_the_reading_says_so_and_is_right_the_next_time(simulator, no_probe):
    simulator.update(agentx_conversation_filter="lastActionAt", records=4_000)

    with pytest.raises(IncompleteExportError, match="does not select by startTime but by lastActionAt"):
        list(AgentXHook().export_conversations(START, START + 3 * DAY))

    found = list(AgentXHook().export_conversations(START, START + 3 * DAY))
    lines = truth(simulator, conversations_by("lastActionAt"), START, START + 3 * DAY)
    assert len(found) == sum(map(len, lines.values()))


@pytest.mark.parametrize(
    ("way", "sentence"),
    [
        ("startTime", "Conversations are selected by startTime, proven by a probe on 20"),
        ("lastActionAt", "Conversations are selected by lastActionAt, proven by a probe on 20"),
        ("overlap", "Conversations are selected by startTime and by lastActionAt, proven by a probe on 20"),
    ],
)
def test_the_command_check_shows_the_reading_and_keeps_it(simulator, tmp_path, capsys, way, sentence):
    simulator.update(agentx_conversation_filter=way)

    for _ in range(2):
        main(["check", "--conn-id", "agentx_default"])
        first, second, *_ = capsys.readouterr().out.splitlines()  # it may also miss the pool
        assert first == "AgentX Support answered and accepted the key."
        assert second.startswith(sentence)
    assert len(asked_of(simulator)) == 5

    (facts,) = daily(tmp_path, 1)
    assert facts["requests"] == 1


def test_the_command_check_says_that_nothing_tells(simulator, capsys):
    simulator.update(records=0, seams=False)

    main(["check", "--conn-id", "agentx_default"])

    assert capsys.readouterr().out.splitlines()[1] == (
        "Conversations are selected by startTime or by lastActionAt; no recent record tells which, so "
        "startTime is assumed."
    )
