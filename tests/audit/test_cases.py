"""Each case that an audit claims to find is found, in records that a seed chooses."""

from __future__ import annotations

from random import Random

import pytest

from airflow_provider_convexport.hooks.vendors import vendors
from tests.support.audits import AUDITED, audit, datasets_of, export_all, records_of, verdicts
from tests.support.exports import export
from tests.support.samples import DAY
from tests.support.streams import case_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("long_memory")]
SEEDS = [3, 4, 7, 12]
DATASETS = [case for vendor in vendors() for case in datasets_of(vendor)]
DAY_OF = f"dt={AUDITED:%Y-%m-%d}"

each_seed = pytest.mark.parametrize("seed", SEEDS)
each_dataset = pytest.mark.parametrize("case", DATASETS, ids=str)


@pytest.fixture
def chance(seed, simulator):
    """The simulator has the records of a seed, plausible ones for odd seeds; chooses some of them."""
    simulator.update(seed=seed, hostile=seed % 2 == 0)
    return Random(seed)


def identity(case, record):
    return str(record[case.definition.id_field])


def named(case, record, stream=None):
    """A record as the simulator's settings name it."""
    return f"{case.vendor}/{stream or case.stream}/{identity(case, record)}"


def one_of(simulator, case, chance):
    return chance.choice(records_of(simulator, case))


def gaps(outcome):
    return sum(each.audit.gaps for each in outcome.audited)


@each_seed
@each_dataset
def test_a_record_that_the_export_did_not_get_is_late_until_it_is_exported_again(
    case, seed, chance, simulator, tmp_path
):
    lost = one_of(simulator, case, chance)
    simulator.update(leave_out=(named(case, lost),))
    export_all(case.vendor, tmp_path)
    simulator.update(leave_out=())

    found = audit(case.vendor, tmp_path, cases=[case])

    assert verdicts(found)[f"{case}/{DAY_OF} content"] == {"late": 1}
    assert gaps(found) == 1
    assert not found.audited[0].audit.ok
    export(case, tmp_path / str(case), AUDITED, AUDITED + DAY, run_id="again")
    again = audit(case.vendor, tmp_path, cases=[case])
    assert (verdicts(again), gaps(again)) == ({}, 0)


@each_seed
@each_dataset
def test_a_record_that_was_changed_since_is_no_gap(case, seed, chance, simulator, tmp_path):
    export_all(case.vendor, tmp_path)
    simulator.update(change=(named(case, one_of(simulator, case, chance)),))

    found = audit(case.vendor, tmp_path, cases=[case])

    assert verdicts(found) == {f"{case}/{DAY_OF} content": {"changed": 1}}
    ((_, result),) = found.audited
    assert (result.ok, result.gaps, result.changed) == (True, 0, 1)


@each_seed
@each_dataset
def test_a_record_that_the_vendor_no_longer_has_is_no_gap(case, seed, chance, simulator, tmp_path):
    export_all(case.vendor, tmp_path)
    simulator.update(leave_out=(named(case, one_of(simulator, case, chance)),))

    found = audit(case.vendor, tmp_path, cases=[case])

    moved = case.window_on is not None
    assert verdicts(found)[f"{case}/{DAY_OF} content"] == {"changed" if moved else "deleted": 1}
    assert gaps(found) == 0


@each_seed
@pytest.mark.parametrize("edge", [AUDITED, AUDITED + DAY], ids=["start", "end"])
@pytest.mark.parametrize("vendor", vendors())
def test_a_record_within_a_second_of_an_edge_is_found_from_both_sides(
    vendor, edge, seed, chance, simulator, tmp_path
):
    case = case_of(vendor)
    before = records_of(simulator, case, edge - DAY)[-1]
    simulator.update(leave_out=(named(case, before),))
    export_all(vendor, tmp_path)
    simulator.update(leave_out=())

    for day in (edge - DAY, edge):
        found = audit(vendor, tmp_path, cases=[case], start=day)
        assert verdicts(found)[f"{case}/dt={day:%Y-%m-%d} edges"] == {"late": 1}
        assert gaps(found) == 1


@each_seed
def test_applied_labs_lists_a_conversation_that_its_export_leaves_out(seed, chance, simulator, tmp_path):
    case = case_of("applied_labs")
    simulator.update(leave_out=(named(case, one_of(simulator, case, chance)),))
    export_all(case.vendor, tmp_path)

    found = audit(case.vendor, tmp_path, cases=[case])

    assert verdicts(found) == {f"{case}/{DAY_OF} list": {"missing": 1}}
    assert gaps(found) == 1


@each_seed
def test_applied_labs_may_not_list_what_is_published(seed, chance, simulator, tmp_path):
    case = case_of("applied_labs")
    unlisted = named(case, one_of(simulator, case, chance), "conversations_listed")
    export_all(case.vendor, tmp_path)
    simulator.update(leave_out=(unlisted,))

    found = audit(case.vendor, tmp_path, cases=[case])

    assert verdicts(found) == {f"{case}/{DAY_OF} list": {"unlisted": 1}}
    assert gaps(found) == 0


def user_messages(simulator, conversation):
    found = records_of(simulator, case_of("agentx", "messages"), AUDITED, 4)
    return [
        each
        for each in found
        if each["conversationId"] == conversation["_id"] and each["type"] == "UserInput"
    ]


def talkative(simulator, chance):
    """A conversation of the audited day to which its user wrote."""
    found = records_of(simulator, case_of("agentx"))
    return chance.choice([each for each in found if user_messages(simulator, each)])


@each_seed
@pytest.mark.parametrize("verdict", ["missing", "late"])
def test_agentx_counts_a_message_that_is_not_published(verdict, seed, chance, simulator, tmp_path):
    case, messages = case_of("agentx"), case_of("agentx", "messages")
    lost = chance.choice(user_messages(simulator, talkative(simulator, chance)))
    simulator.update(leave_out=(named(messages, lost),))
    export_all("agentx", tmp_path)
    if verdict == "late":
        simulator.update(leave_out=())

    found = audit("agentx", tmp_path, cases=[case])

    assert verdicts(found) == {f"{case}/{DAY_OF} messages": {verdict: 1}}
    assert gaps(found) == 1


@each_seed
def test_a_conversation_of_agentx_that_was_deleted_with_its_messages_is_no_gap(
    seed, chance, simulator, tmp_path
):
    case, messages = case_of("agentx"), case_of("agentx", "messages")
    gone = talkative(simulator, chance)
    lost = [
        each for each in records_of(simulator, messages, AUDITED, 4) if each["conversationId"] == gone["_id"]
    ]
    export(case, tmp_path / str(case), AUDITED - DAY, AUDITED + 4 * DAY)
    simulator.update(leave_out=(named(case, gone), *(named(messages, each) for each in lost)))
    export(messages, tmp_path / str(messages), AUDITED - DAY, AUDITED + 4 * DAY)

    found = audit("agentx", tmp_path, cases=[case])

    assert verdicts(found) == {
        f"{case}/{DAY_OF} content": {"deleted": 1},
        f"{case}/{DAY_OF} messages": {"deleted": 1},
    }
    assert gaps(found) == 0


@each_seed
def test_where_the_messages_of_a_day_are_not_published_nothing_is_known(seed, chance, simulator, tmp_path):
    case, messages = case_of("agentx"), case_of("agentx", "messages")
    export(case, tmp_path / str(case), AUDITED - DAY, AUDITED + 4 * DAY)
    export(messages, tmp_path / str(messages), AUDITED - DAY, AUDITED)

    found = audit("agentx", tmp_path, cases=[case])

    expected = sum(1 for each in records_of(simulator, case) if user_messages(simulator, each))
    assert verdicts(found) == {f"{case}/{DAY_OF} messages": {"unknown": expected}}
    assert gaps(found) == 0


def ada_messages(simulator, conversation):
    found = records_of(simulator, case_of("ada", "messages"), AUDITED, 4)
    return [each for each in found if each["conversation_id"] == conversation["_id"]]


@each_seed
@pytest.mark.parametrize("verdict", ["missing", "late"])
def test_an_engaged_conversation_of_ada_without_any_message_is_found(
    verdict, seed, chance, simulator, tmp_path
):
    case, messages = case_of("ada"), case_of("ada", "messages")
    silent = chance.choice([each for each in records_of(simulator, case) if each["is_engaged"]])
    lost = ada_messages(simulator, silent)
    simulator.update(leave_out=tuple(named(messages, each) for each in lost))
    export_all("ada", tmp_path)
    if verdict == "late":
        simulator.update(leave_out=())

    found = audit("ada", tmp_path, cases=[case])

    number = 1 if verdict == "missing" else len(lost)
    assert verdicts(found) == {f"{case}/{DAY_OF} messages": {verdict: number}}
    assert gaps(found) == number


@each_seed
@pytest.mark.parametrize("verdict", ["missing", "late"])
def test_a_message_of_ada_whose_conversation_is_not_published_is_found(
    verdict, seed, chance, simulator, tmp_path
):
    case, messages = case_of("ada"), case_of("ada", "messages")
    lost = one_of(simulator, case, chance)
    simulator.update(leave_out=(named(case, lost),))
    export_all("ada", tmp_path)
    if verdict == "late":
        simulator.update(leave_out=())

    found = audit("ada", tmp_path, cases=[messages])

    assert verdicts(found) == {f"{messages}/{DAY_OF} conversations": {verdict: 1}}
    assert gaps(found) == 1


@each_seed
def test_a_message_of_ada_that_was_exported_before_its_conversation_was_deleted_is_no_gap(
    seed, chance, simulator, tmp_path
):
    case, messages = case_of("ada"), case_of("ada", "messages")
    gone = one_of(simulator, case, chance)
    export(messages, tmp_path / str(messages), AUDITED, AUDITED + DAY)
    lost = [named(messages, each) for each in ada_messages(simulator, gone)]
    simulator.update(leave_out=(named(case, gone), *lost))
    export(case, tmp_path / str(case), AUDITED - DAY, AUDITED + DAY)

    found = audit("ada", tmp_path, cases=[messages])

    assert verdicts(found)[f"{messages}/{DAY_OF} conversations"]["deleted"] == 1
    assert gaps(found) == 0


def test_a_count_that_is_wrong_for_most_conversations_of_agentx_is_no_gap(simulator, tmp_path):
    case, messages = case_of("agentx"), case_of("agentx", "messages")
    found = records_of(simulator, messages, AUDITED, 5)
    lost = tuple(named(messages, each) for each in found if each["type"] == "UserInput")
    simulator.update(leave_out=lost)
    export_all("agentx", tmp_path)

    found = audit("agentx", tmp_path, cases=[case])

    ((_, result),) = found.audited
    assert set(verdicts(found)[f"{case}/{DAY_OF} messages"]) == {"unknown"}
    assert "seems to count something else" in result.warnings[0]
    assert gaps(found) == 0
