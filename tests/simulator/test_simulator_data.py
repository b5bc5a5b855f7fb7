from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pendulum
import pytest

from airflow_provider_convexport.simulator.app import Simulator
from airflow_provider_convexport.simulator.registry import registered_vendors
from airflow_provider_convexport.simulator.server import RunningSimulator
from airflow_provider_convexport.simulator.settings import SimulatorSettings

DAY = timedelta(days=1)
START = datetime(2026, 6, 1, tzinfo=UTC)
NOW = datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC)
STREAMS = [
    (vendor.name, stream.name, field)
    for vendor in registered_vendors()
    for stream in vendor.streams.values()
    for field in stream.time_fields
]


def simulated(*, now=NOW, **changes):
    settings = SimulatorSettings(**({"records": 4000, "hostile": True} | changes))
    return RunningSimulator("http://nowhere", Simulator(settings, clock=now.timestamp))


def test_the_truth_may_be_asked_for_with_airflow_s_moments():
    start, end = (pendulum.instance(moment, tz="Asia/Tokyo") for moment in (START, START + DAY))

    expected = simulated().truth("ada", "conversations", START, START + DAY)
    assert simulated().truth("ada", "conversations", start, end) == expected != []


@pytest.mark.parametrize(("vendor", "stream", "field"), STREAMS)
def test_two_instances_started_at_different_times_hold_the_same_bytes(vendor, stream, field):
    early = simulated().truth(vendor, stream, START, START + 3 * DAY, window_on=field)
    late = simulated(now=NOW + timedelta(days=100, seconds=17)).truth(
        vendor, stream, START, START + 3 * DAY, window_on=field
    )

    assert len(early) > 20
    assert early == late


@pytest.mark.parametrize(("vendor", "stream", "field"), STREAMS)
def test_adjacent_windows_neither_lose_nor_repeat_records(vendor, stream, field):
    simulator = simulated()
    whole = simulator.truth(vendor, stream, START, START + 4 * DAY, window_on=field)
    cuts = [
        START,
        START + timedelta(hours=1),
        START + DAY,
        START + DAY + timedelta(seconds=1),
        START + 4 * DAY,
    ]
    pieces = [
        record
        for low, high in pairwise(cuts)
        for record in simulator.truth(vendor, stream, low, high, window_on=field)
    ]

    assert pieces == whole


def test_another_seed_is_another_world():
    first, second = (
        set(simulated(seed=seed).truth("ada", "messages", START, START + DAY)) for seed in (1, 2)
    )

    assert not first & second


def test_the_history_has_about_as_many_conversations_as_asked_for():
    simulator = simulated(seams=False)

    count = len(simulator.truth("agentx", "conversations", NOW - 500 * DAY, NOW + 500 * DAY))

    assert count == pytest.approx(4000, abs=2)


def test_nothing_lies_in_the_future_or_before_the_history():
    simulator = simulated(days=30)

    records = [
        json.loads(record)
        for record in simulator.truth("agentx", "messages", START - 99 * DAY, NOW + 9 * DAY)
    ]

    assert min(record["time"] for record in records) >= (NOW - 30 * DAY).timestamp()
    assert max(record["time"] for record in records) <= NOW.timestamp()


@pytest.mark.parametrize(
    ("vendor", "stream", "field", "expected"),
    [
        (
            "applied_labs",
            "conversations",
            "created_at",
            {"2026-06-02T00:00:00Z", "2026-06-02T00:00:01Z", "2026-06-02T23:59:59Z"},
        ),
        ("ada", "conversations", "date_updated", {"2026-06-02T00:00:00", "2026-06-02T23:59:59"}),
        (
            "ada",
            "messages",
            "date_created",
            {"2026-06-02T00:00:00.000000+00:00", "2026-06-02T23:59:59.999999+00:00"},
        ),
        ("agentx", "conversations", "startTime", {1780358400, 1780358401, 1780444799}),
        ("agentx", "messages", "time", {1780358400, 1780358401, 1780444799, 1780444799.999999}),
        (
            "agentx",
            "conversations",
            "lastActionAt",
            {"2026-06-02T00:00:00", "2026-06-02T23:59:59.999999"},
        ),
    ],
)
def test_records_lie_exactly_on_the_seams_of_a_day(vendor, stream, field, expected):
    records = simulated().truth(vendor, stream, START, START + 4 * DAY, window_on=field)

    assert expected <= {json.loads(record)[field] for record in records}


def test_some_conversations_cross_midnight_and_change_days_later():
    conversations = [
        json.loads(record)
        for record in simulated().truth("applied_labs", "conversations", START, START + 10 * DAY)
    ]
    active = [each for each in conversations if each["last_message_at"]]

    assert len(active) < len(conversations)
    assert any(each["created_at"][:10] != each["last_message_at"][:10] for each in active)
    assert any(each["created_at"][:10] != each["updated_at"][:10] for each in conversations)


def test_ties_share_the_instant_of_noon():
    records = simulated(ties=150).truth("ada", "conversations", START, START + DAY)
    times = [json.loads(record)["date_created"] for record in records]

    assert times.count("2026-06-01T12:00:00") >= 150


@pytest.mark.parametrize(("vendor", "stream", "field"), STREAMS)
def test_every_record_is_strict_json_on_one_line_with_unique_keys(vendor, stream, field):
    def unique(pairs):
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    def constant(name):
        raise AssertionError(name)

    for record in simulated().truth(vendor, stream, START, START + 8 * DAY, window_on=field):
        assert b"\n" not in record
        json.loads(record, object_pairs_hook=unique, parse_constant=constant)


@pytest.mark.parametrize("vendor", ["applied_labs", "ada", "agentx"])
@pytest.mark.parametrize(
    "token",
    [
        b"18446744073709551617",
        b"[1.10,1E5,-0.0,12345678901234567890.123456789",
        rb"caf\u00e9 \/ \ud83d\ude00 \u0000",
        "raw \u2028 and \u2029 and \x85".encode(),
        rb"back\\slash,\ttab,\nnew line",
        rb"\"data\":[",
        rb"\n{\"_id\"",
        b'"level_20"',
        b'{"":"","nothing":null,"list":[],"object":{}',
    ],
)
def test_awkward_bytes_survive_in_every_vendor(vendor, token):
    records = simulated().truth(vendor, "conversations", START, START + 12 * DAY)

    assert any(token in record for record in records)


@pytest.mark.parametrize("vendor", ["applied_labs", "ada", "agentx"])
def test_ids_never_repeat(vendor):
    ids = [
        json.loads(record) for record in simulated().truth(vendor, "conversations", START, START + 20 * DAY)
    ]

    assert len({each.get("_id") or each["id"] for each in ids}) == len(ids)


def test_unknown_streams_are_refused():
    with pytest.raises(KeyError, match="nothing"):
        simulated().truth("ada", "nothing", START, START + DAY)
