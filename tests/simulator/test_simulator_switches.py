from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_convexport.simulator.settings import SimulatorSettings

START, END = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 4, tzinfo=UTC)
AGENTX = {"start_time": int(START.timestamp()), "end_time": int(END.timestamp()), "bot_name": "support-bot"}
APPLIED = {"created_at__range": "2026-06-01T00:00:00Z,2026-06-04T00:00:00Z"}
ADA = {"created_since": "2026-06-01T00:00:00Z", "created_to": "2026-06-04T00:00:00Z"}


@pytest.fixture(autouse=True)
def _several_pages_a_window(simulator):
    simulator.update(records=40_000)


def flat(pages):
    return [record for page in pages for record in page]


def walks(client):
    """Return the three walks over the same window, with small pages."""
    return {
        "applied_labs": client.walk_applied(**APPLIED, limit=30),
        "ada": client.walk_ada(**ADA),
        "agentx": client.walk_agentx(**AGENTX, per_page=30),
    }


def test_bounds_can_be_inclusive_or_not(client, simulator):
    def times():
        return {
            json.loads(record)["startTime"] for record in flat(client.walk_agentx(**AGENTX, per_page=1000))
        }

    assert AGENTX["start_time"] in times()
    assert AGENTX["end_time"] not in times()
    simulator.update(lower_inclusive=False, upper_inclusive=True)
    assert AGENTX["start_time"] not in times()
    assert AGENTX["end_time"] in times()


@pytest.mark.parametrize(
    "changes",
    [
        {"page_overlap": 3},
        {"empty_pages": 2},
        {"empty_pages": 3, "page_overlap": 1},
        {"max_page": 4},
        {"shuffle": True},
        {"shuffle": True, "page_overlap": 2},
        {"absolute_links": False},
        {"ties": 15},
    ],
    ids=str,
)
def test_no_switch_on_pages_loses_a_record(client, simulator, changes):
    simulator.update(**changes)

    for vendor, pages in walks(client).items():
        truth = simulator.truth(vendor, "conversations", START, END)
        assert sorted(set(flat(pages))) == sorted(truth)


def test_adas_own_link_skips_ties_across_pages_when_its_lower_bound_is_exclusive(client, simulator):
    """Nobody promises otherwise, so an exporter must not follow it as it is."""
    simulator.update(lower_inclusive=False, ties=60)
    low = START + timedelta(microseconds=1)

    found = set(flat(client.walk_ada(**ADA)))

    assert found < set(simulator.truth("ada", "conversations", low, END))


def test_overlap_repeats_the_end_of_the_page_before(client, simulator):
    simulator.update(page_overlap=3)

    first, second, *_rest = client.walk_agentx(**AGENTX, per_page=10)

    assert second[:3] == first[-3:]


def test_empty_pages_lead_on(client, simulator):
    simulator.update(empty_pages=2)

    for vendor, pages in walks(client).items():
        assert len(pages[1]) == 0 or vendor == "ada"
        assert [] in pages or len(pages) == 1


def test_short_pages_come_whatever_was_asked(client, simulator):
    simulator.update(max_page=4)

    assert {len(page) for page in client.walk_agentx(**AGENTX, per_page=10)[:-1]} == {4}


def test_shuffled_records_are_in_no_order_of_time(client, simulator):
    simulator.update(shuffle=True)
    times = [json.loads(record)["startTime"] for record in flat(client.walk_agentx(**AGENTX, per_page=10))]

    assert times != sorted(times)


def test_ties_beyond_a_page_stop_ada_from_advancing(client, simulator):
    simulator.update(ties=300)
    noon = {"created_since": "2026-06-01T12:00:00Z", "created_to": "2026-06-02T00:00:00Z", "page_size": 100}
    first = client.ada(**noon).json()["meta"]["next_page_uri"]
    second = client.ada(f"{first}&page_size=100").json()["meta"]["next_page_uri"]

    assert first == second


def test_links_can_be_relative_or_point_elsewhere(client, simulator):
    assert client.applied(**APPLIED).json()["next"].startswith(simulator.url)
    simulator.update(absolute_links=False)
    assert client.applied(**APPLIED).json()["next"].startswith("/v2026-04/conversations/export/?cursor=")
    simulator.update(foreign_next="https://evil.invalid")
    assert client.applied(**APPLIED).json()["next"].startswith("https://evil.invalid/v2026-04/")
    assert (
        client.ada(**ADA, page_size=100)
        .json()["meta"]["next_page_uri"]
        .startswith("https://evil.invalid/api/")
    )


def test_the_next_page_can_be_the_same_page(client, simulator):
    simulator.update(looping_next=True)
    applied = client.applied(**APPLIED).json()["next"]
    agentx = client.agentx(**AGENTX).json()["cursor"]
    ada = client.ada(**ADA).json()["meta"]["next_page_uri"]

    assert client.applied(applied).json()["next"] == applied
    assert client.agentx(**AGENTX, cursor=agentx).json()["cursor"] == agentx
    assert client.ada(ada).json()["meta"]["next_page_uri"] == ada


def test_the_list_can_be_missing_or_have_its_other_name(client, simulator):
    simulator.update(ada_list_key="items")
    assert set(client.ada(**ADA).json()) == {"items", "meta"}
    simulator.update(drop_list=True)
    assert set(client.ada(**ADA).json()) == {"meta"}
    assert set(client.applied(**APPLIED).json()) == {"next", "previous"}
    assert set(client.agentx(**AGENTX).json()) == {"cursor"}


def test_a_cursor_can_wear_out(client, simulator):
    simulator.update(cursor_uses=1)
    link = client.applied(**APPLIED).json()["next"]

    assert [client.applied(link).status_code for _ in range(2)] == [200, 400]


def test_a_cursor_can_expire(client, simulator):
    simulator.update(cursor_seconds=-1.0)
    cursor = client.agentx(**AGENTX | {"per_page": 5}).json()["cursor"]

    assert client.agentx(**AGENTX | {"per_page": 5}, cursor=cursor).status_code == 400


def test_pretty_bodies_say_the_same_over_several_lines(client, simulator):
    compact = client.agentx(**AGENTX)
    simulator.update(pretty=True)
    pretty = client.agentx(**AGENTX)

    assert pretty.json() == compact.json()
    assert pretty.text.count("\n") > 500
    assert "12345678901234567890.123456789" in pretty.text


def test_latency_delays_every_answer(client, simulator):
    simulator.update(page_latency=0.2)

    assert client.agentx(**AGENTX).elapsed >= timedelta(seconds=0.2)


@pytest.mark.parametrize("changes", [{"empty_pages": 1}, {"records": -1}, {"days": 0}, {"max_page": 0}])
def test_nonsense_is_refused_when_set(changes):
    with pytest.raises(ValueError, match=r"must|would|cannot"):
        SimulatorSettings(**changes)
