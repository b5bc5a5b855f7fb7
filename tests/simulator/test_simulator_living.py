"""Living records: each is served as it is at the time of the simulator's clock, which can be set."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import requests

from airflow_provider_convexport.simulator.dataset import ScopeDataset
from airflow_provider_convexport.simulator.lifecycle import LIFE_DAYS, MAIL_VARIANTS, at_moment, life_of
from airflow_provider_convexport.simulator.settings import SimulatorSettings
from airflow_provider_convexport.simulator.times import DAY as DAY_MICROSECONDS
from airflow_provider_convexport.simulator.times import microseconds
from tests.support.samples import DAY, HOUR

START = datetime(2026, 6, 1, tzinfo=UTC)
DAYS = 12
ID_FIELDS = {"applied_labs": "id", "ada": "_id", "agentx": "_id"}
VENDORS = tuple(ID_FIELDS)
CREATED = {"applied_labs": "created_at", "ada": "date_created", "agentx": "startTime"}


@pytest.fixture
def living(simulator):
    simulator.update(living=True, records=12_000)
    return simulator


def at(simulator, moment):
    simulator.update(now=moment.isoformat())


def records(simulator, vendor, stream="conversations", *, end=START + DAYS * DAY, start=START, **arguments):
    return [json.loads(text) for text in simulator.truth(vendor, stream, start, end, **arguments)]


def by_id(simulator, vendor, **arguments):
    return {record[ID_FIELDS[vendor]]: record for record in records(simulator, vendor, **arguments)}


def conversations(count=2_000):
    plan = SimulatorSettings(records=40_000, hostile=True).plan
    found = []
    dataset = ScopeDataset(plan, vendor="ada", scope="")
    first = microseconds(START) // DAY_MICROSECONDS
    while len(found) < count:
        found += dataset.day(first)
        first += 1
    return found


def test_a_life_ends_within_the_days_that_the_store_looks_back():
    for conversation in conversations():
        life = life_of(conversation)
        moments = [*life.messages, *life.edited, life.rated or 0, life.ended or 0]

        assert list(life.messages) == sorted(set(life.messages))
        assert life.messages[0] == conversation.start
        assert max(moments) // DAY_MICROSECONDS - conversation.start // DAY_MICROSECONDS <= LIFE_DAYS


def test_most_threads_by_mail_and_few_others_get_replies_on_later_days():
    def share(chosen):
        late = [life_of(each).messages[-1] - each.start > DAY_MICROSECONDS // 4 for each in chosen]
        return sum(late) / len(late)

    mail = [each for each in conversations() if each.variant in MAIL_VARIANTS]
    others = [each for each in conversations() if each.variant not in MAIL_VARIANTS]

    assert share(mail) > 0.75
    assert 0.05 < share(others) < 0.25


def test_each_thing_happens_to_some_conversations_and_deletion_to_few():
    lives = [life_of(each) for each in conversations()]

    def share(happened):
        return sum(1 for life in lives if happened(life)) / len(lives)

    assert share(lambda life: life.edited) > 0.5
    assert 0.2 < share(lambda life: life.rated) < 0.4
    assert 0.5 < share(lambda life: life.ended) < 0.7
    assert 0.005 < share(lambda life: life.deleted) < 0.04


def test_a_state_depends_on_nothing_but_the_moment():
    for conversation in conversations(200):
        moments = [conversation.start + hours * 3_600_000_000 for hours in (-1, 0, 5, 48, 24 * 40)]

        forwards = [at_moment(conversation, moment) for moment in moments]
        life_of.cache_clear()
        backwards = [at_moment(conversation, moment) for moment in reversed(moments)]

        assert forwards == backwards[::-1]
        assert forwards[0] is None
        assert forwards[1] is not None


@pytest.mark.parametrize("vendor", VENDORS)
def test_without_the_setting_records_do_not_change_with_the_clock(simulator, vendor):
    at(simulator, START + DAYS * DAY)
    early = records(simulator, vendor)
    at(simulator, START + 100 * DAY)

    assert early == records(simulator, vendor)


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_conversation_that_does_not_exist_yet_is_not_returned_and_one_that_is_deleted_no_more(
    living, vendor
):
    seen = []
    for day in range(DAYS + LIFE_DAYS):
        at(living, START + day * DAY)
        seen.append(set(by_id(living, vendor)))

    assert len(seen[0]) == 1  # it begins at this very moment
    assert all(len(seen[day]) > len(seen[day - 1]) for day in range(1, DAYS))
    gone = set().union(*seen) - seen[-1]
    assert 0 < len(gone) < len(seen[-1]) / 10
    for identity in gone:
        days = [day for day, ids in enumerate(seen) if identity in ids]
        assert days == list(range(days[0], days[-1] + 1))


@pytest.mark.parametrize("vendor", ["ada", "agentx"])
def test_messages_vanish_with_their_conversation(living, vendor):
    field = {"ada": "conversation_id", "agentx": "conversationId"}[vendor]
    end = START + (DAYS + LIFE_DAYS) * DAY
    at(living, START + DAYS * DAY)
    before = {record[field] for record in records(living, vendor, "messages", end=end)}
    at(living, end)
    after = {record[field] for record in records(living, vendor, "messages", end=end)}
    left = set(by_id(living, vendor, start=START - LIFE_DAYS * DAY, end=end))

    assert before - left
    assert not (before - left) & after


def changes(living, vendor, stream="conversations"):
    """Return each record before and after a day in which it changed."""
    at(living, START + DAYS * DAY)
    before = {r[ID_FIELDS[vendor]]: r for r in records(living, vendor, stream)}
    at(living, START + (DAYS + 1) * DAY)
    after = {r[ID_FIELDS[vendor]]: r for r in records(living, vendor, stream)}
    found = [(before[each], after[each]) for each in before if each in after and before[each] != after[each]]
    assert len(found) > 5
    return found


def test_every_change_of_adas_conversation_moves_date_updated(living):
    for before, after in changes(living, "ada"):
        assert before["date_updated"] < after["date_updated"]

    changed = {
        name for before, after in changes(living, "ada") for name in after if before[name] != after[name]
    }
    assert {"inquiry_summary", "csat", "automated_resolution_classification"} < changed


def test_adas_messages_are_clicked_and_reviewed_later_and_their_conversation_does_not_tell(living):
    found = changes(living, "ada", "messages")
    changed = {name for before, after in found for name in after if before[name] != after[name]}

    assert changed == {"link_was_clicked", "review", "record_last_updated"}
    at(living, START + DAYS * DAY)
    before = by_id(living, "ada")
    at(living, START + (DAYS + 1) * DAY)
    after = by_id(living, "ada")
    owners = {each["conversation_id"] for each, _ in found}
    assert any(before[owner] == after[owner] for owner in owners & set(after))


def test_only_messages_move_the_time_by_which_applied_labs_finds_changed_conversations(living):
    found = changes(living, "applied_labs")
    silent = [pair for pair in found if len(pair[0]["messages"]) == len(pair[1]["messages"])]

    assert 0 < len(silent) < len(found)
    for before, after in found:
        assert before["updated_at"] < after["updated_at"]
        if after["last_message_at"] is not None:
            written = len(before["messages"]) < len(after["messages"])
            assert (before["last_message_at"] < after["last_message_at"]) is written
    changed = {name for before, after in silent for name in after if before[name] != after[name]}
    assert changed == {"updated_at", "title", "summary", "tags", "resolved_at"}


def test_agentx_adds_tags_and_lines_and_moves_its_time_with_messages_only(living):
    found = changes(living, "agentx")

    for before, after in found:
        written = before["metadata"]["transcript"] != after["metadata"]["transcript"]
        assert after["metadata"]["transcript"].startswith(before["metadata"]["transcript"])
        assert (before["lastActionAt"] < after["lastActionAt"]) is written
        assert set(before.get("tags", [])) <= set(after.get("tags", []))
    assert any(len(before.get("tags", [])) < len(after.get("tags", [])) for before, after in found)


def test_a_conversation_leaves_the_window_that_held_its_earlier_update(living):
    at(living, START + DAYS * DAY)
    day = START + (DAYS - 1) * DAY
    before = by_id(living, "ada", start=day, end=day + DAY, window_on="date_updated")
    at(living, START + (DAYS + 3) * DAY)
    after = by_id(living, "ada", start=day, end=day + DAY, window_on="date_updated")

    assert after.keys() < before.keys()


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_api_serves_what_the_truth_says_on_pages_of_any_kind(living, client, vendor):
    at(living, START + DAYS * DAY)
    start, end = START + 4 * DAY, START + 8 * DAY
    seconds = {"start_time": int(start.timestamp()), "end_time": int(end.timestamp())}
    walks = {
        "applied_labs": lambda: client.walk_applied(
            created_at__range=f"{start:%Y-%m-%dT%H:%M:%SZ},{end:%Y-%m-%dT%H:%M:%SZ}", limit=7
        ),
        "ada": lambda: client.walk_ada(
            created_since=f"{start:%Y-%m-%dT%H:%M:%SZ}", created_to=f"{end:%Y-%m-%dT%H:%M:%SZ}"
        ),
        "agentx": lambda: client.walk_agentx(bot_name="support-bot", per_page=7, **seconds),
    }

    served = {text for page in walks[vendor]() for text in page}

    assert served == set(living.truth(vendor, "conversations", start, end))
    at(living, START + 2 * DAY)
    assert not [text for page in walks[vendor]() for text in page]


def test_a_single_conversation_is_served_in_its_state_and_not_before_its_beginning(living, client):
    at(living, START + DAYS * DAY)
    whole = records(living, "applied_labs")[-1]

    alone = client.applied(f"{whole['id']}/")
    at(living, START - HOUR)
    early = client.applied(f"{whole['id']}/")

    assert {name: whole[name] for name in alone.json()} == alone.json()
    assert early.status_code == 404


def test_the_clock_is_set_by_an_offset_a_time_or_a_request(living):
    begun = START + 3 * DAY
    at(living, begun)
    count = len(records(living, "ada"))
    moved = requests.post(f"{living.url}/_simulator/clock", params={"now": "2026-06-06T00:00"}, timeout=10)
    more = len(records(living, "ada"))
    refused = requests.post(f"{living.url}/_simulator/clock", params={"now": "tomorrow"}, timeout=10)
    freed = requests.post(f"{living.url}/_simulator/clock", timeout=10)
    offset = living.simulator.clock() - begun.timestamp()
    living.update(clock_offset=-offset)

    assert (moved.status_code, refused.status_code, freed.status_code) == (204, 400, 204)
    assert "tomorrow" in refused.json()["error"]
    assert 0 < count < more
    assert len(records(living, "ada")) == count


def test_a_clock_that_is_no_time_is_refused():
    with pytest.raises(ValueError, match="Invalid isoformat"):
        SimulatorSettings(now="tomorrow")


def test_relative_windows_and_limits_know_which_clock_is_theirs(living, client):
    at(living, START + DAYS * DAY)

    recent = client.applied(created_at__range="relative:-2d,", limit=100).json()["results"]
    living.update(limits=True, retry_after="date")
    left = client.ada(created_since="2026-06-02T00:00:00Z", created_to="2026-06-03T00:00:00Z")

    assert {record["created_at"][:10] for record in recent} >= {"2026-06-11", "2026-06-12"}
    reset = datetime.fromtimestamp(int(left.headers["X-RateLimit-Reset"]), UTC)
    assert reset - datetime.fromtimestamp(living.simulator.clock(), UTC) < timedelta(minutes=2)
    assert SimulatorSettings().living is False
