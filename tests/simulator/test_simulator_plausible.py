"""Without the setting `hostile` the records are conversations that every common reader loads."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_convexport.simulator.app import Simulator
from airflow_provider_convexport.simulator.registry import registered_vendors
from airflow_provider_convexport.simulator.server import RunningSimulator
from airflow_provider_convexport.simulator.settings import SimulatorSettings
from airflow_provider_convexport.simulator.support_texts import AWKWARD
from tests.simulator.ada_contract import DEVIATIONS, deviations

DAY = timedelta(days=1)
START = datetime(2026, 6, 1, tzinfo=UTC)  # a Monday
NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
STREAMS = [(vendor.name, stream) for vendor in registered_vendors() for stream in vendor.streams]
FIELDS = [
    (vendor.name, stream.name, field)
    for vendor in registered_vendors()
    for stream in vendor.streams.values()
    for field in stream.time_fields
]

# vendor, stream, number of records in eight days, first half of the SHA-256 of their lines
DIGESTS = [
    ("applied_labs", "conversations", 112, "e31d63586e1e7c2882e63cd77e7bb6b0"),
    ("applied_labs", "conversations_listed", 112, "334732b3d92863aca2080409fad3dbd1"),
    ("applied_labs", "messages", 253, "d4f26d909ccd8a352fa426ff8d9e48a4"),
    ("ada", "conversations", 112, "e78624d43bbc3ed9f8de18cc3bc5053b"),
    ("ada", "messages", 265, "0f0d752574e75fc13e703e2d43674cb8"),
    ("agentx", "conversations", 112, "887daf4ee94a654b5d044b9a7e4772fe"),
    ("agentx", "messages", 266, "fa821b2543831c98a73e0d41b70404b6"),
]


def simulated(**changes):
    settings = SimulatorSettings(**({"records": 20_000} | changes))
    return RunningSimulator("http://nowhere", Simulator(settings, clock=NOW.timestamp))


@pytest.fixture(scope="module")
def plausible():
    return simulated()


@pytest.fixture(scope="module")
def hostile():
    return simulated(hostile=True)


def records_of(simulator, vendor, stream, days=14):
    return [json.loads(each) for each in simulator.truth(vendor, stream, START, START + days * DAY)]


@pytest.mark.parametrize(("vendor", "stream", "count", "digest"), DIGESTS)
def test_the_plausible_records_of_a_seed_are_byte_for_byte_the_same_as_ever(vendor, stream, count, digest):
    records = simulated(records=4000, seed=7).truth(vendor, stream, START, START + 8 * DAY)

    assert len(records) == count
    assert hashlib.sha256(b"\n".join(records)).hexdigest()[:32] == digest


@pytest.fixture(scope="module", params=[True, False], ids=["living", "final"])
def files(request, tmp_path_factory):
    """One compressed file per stream and day, and one of all days, as they are exported."""
    simulator = simulated(records=8_000, living=request.param)
    folder = tmp_path_factory.mktemp("files")
    found = defaultdict(list)
    for vendor, stream in STREAMS:
        for name, first, days in [(str(day), day, 1) for day in range(5)] + [("all", 0, 30)]:
            lines = simulator.truth(vendor, stream, START + first * DAY, START + (first + days) * DAY)
            path = folder / f"{vendor}-{stream}-{name}.jsonl.gz"
            path.write_bytes(gzip.compress(b"".join(line + b"\n" for line in lines), 1))
            found[vendor, stream].append((path, len(lines)))
    return found


@pytest.mark.parametrize(("vendor", "stream"), STREAMS)
def test_duckdb_reads_every_file_without_an_option(files, vendor, stream):
    duckdb = pytest.importorskip("duckdb")

    with duckdb.connect() as database:
        for path, count in files[vendor, stream]:
            database.execute(f"CREATE OR REPLACE TABLE loaded AS FROM read_json_auto('{path}')")
            assert database.execute("SELECT count(*) FROM loaded").fetchone() == (count,) != (0,)


@pytest.mark.parametrize(("vendor", "stream"), STREAMS)
@pytest.mark.filterwarnings("ignore:Could not infer format:UserWarning")
def test_pandas_reads_every_file_without_an_option_but_lines(files, vendor, stream):
    pandas = pytest.importorskip("pandas")

    for path, count in files[vendor, stream]:
        assert len(pandas.read_json(path, lines=True)) == count > 0


@pytest.mark.parametrize(("vendor", "stream"), STREAMS)
def test_pyarrow_reads_every_file_without_an_option(files, vendor, stream):
    pyarrow_json = pytest.importorskip("pyarrow.json")

    for path, count in files[vendor, stream]:
        assert pyarrow_json.read_json(path).num_rows == count > 0


def test_pyarrow_does_not_read_the_hostile_records(hostile, tmp_path):
    """Else the tests above could not fail."""
    pyarrow_json = pytest.importorskip("pyarrow.json")
    path = tmp_path / "hostile.jsonl"
    path.write_bytes(b"\n".join(hostile.truth("ada", "conversations", START, START + DAY)))

    with pytest.raises(ValueError, match="JSON parse error"):
        pyarrow_json.read_json(path)


@pytest.mark.parametrize(("vendor", "stream", "field"), FIELDS)
def test_every_day_has_as_many_records_as_with_hostile_values(plausible, hostile, vendor, stream, field):
    counts = [
        [
            len(each.truth(vendor, stream, START + day * DAY, START + (day + 1) * DAY, window_on=field))
            for day in range(8)
        ]
        for each in (plausible, hostile)
    ]

    assert counts[0] == counts[1]
    assert min(counts[0]) > 20


def test_people_write_by_day_and_at_the_weekend_later(plausible):
    weekdays, weekends = Counter(), Counter()
    for record in records_of(plausible, "ada", "messages", days=28):
        moment = datetime.fromisoformat(record["date_created"])
        (weekends if moment.weekday() > 4 else weekdays)[moment.hour] += 1

    for hours in (weekdays, weekends):
        assert sum(hours[hour] for hour in range(1, 6)) < 0.07 * hours.total()
        assert sum(hours[hour] for hour in range(8, 20)) > 0.6 * hours.total()
    late = [sum(hours[hour] for hour in range(17, 23)) / hours.total() for hours in (weekdays, weekends)]
    assert late[1] > 1.2 * late[0]


def test_messages_belong_together(plausible):
    conversations = {each["_id"]: each for each in records_of(plausible, "ada", "conversations", days=30)}
    messages = records_of(plausible, "ada", "messages", days=30)
    by_id = {each["_id"]: each for each in messages}
    known = [each for each in messages if each["conversation_id"] in conversations]
    other_day = 0
    for message in known:
        conversation = conversations[message["conversation_id"]]
        assert message["chatter_id"] == conversation["chatter_id"]
        assert message["date_created"][:19] >= conversation["date_created"]
        other_day += message["date_created"][:10] != conversation["date_created"][:10]
        if before := by_id.get(message["in_response_to"]):
            assert before["conversation_id"] == message["conversation_id"]
            assert before["date_created"] < message["date_created"]

    assert len(known) > 0.95 * len(messages)
    assert 0.02 < other_day / len(known) < 0.07


def test_agentx_s_transcript_is_what_the_messages_say(plausible):
    said = defaultdict(list)
    for message in records_of(plausible, "agentx", "messages"):
        text = message.get("userInput")
        text = message["outMsg"]["steps"][0]["text"] if text is None else text
        said[message["conversationId"]].append((message["time"], text))

    conversations = records_of(plausible, "agentx", "conversations", days=10)
    for each in conversations:
        texts = [text for _time, text in sorted(said[each["_id"]], key=lambda pair: pair[0])]
        lines = [f"{('Bot', 'User')[number % 2]}:\t{text}" for number, text in enumerate(texts)]
        assert each["metadata"]["transcript"] == "\n".join(lines)
    assert len(conversations) > 400


def test_conversations_are_escalated_rated_and_led_in_several_languages(plausible):
    records = records_of(plausible, "ada", "conversations", days=40)
    languages = Counter(each["language"] for each in records)
    escalated = [each for each in records if each["is_escalated"]]
    rated = [each["csat"]["score"] for each in records if each["csat"]]

    assert list(dict(languages.most_common())) == ["en", "de", "es", "fr", "ja"]
    assert 0.1 < len(escalated) / len(records) < 0.3
    assert all(each["agent_name"] and each["agent_handle_time"] for each in escalated)
    assert 0.15 < len(rated) / len(records) < 0.35
    assert set(rated) == {1, 2, 3, 4, 5}
    assert len({each["inquiry_summary"][:25] for each in records}) > 5


@pytest.mark.parametrize(
    ("vendor", "stream", "texts"),
    [
        ("ada", "messages", lambda record: [record["message_data"]["body"]]),
        ("agentx", "messages", lambda record: [record.get("userInput", "-")]),
        (
            "applied_labs",
            "conversations",
            lambda record: [message["text"] for message in record["messages"]],
        ),
    ],
)
def test_a_few_percent_of_the_texts_are_awkward(plausible, vendor, stream, texts):
    found = [text for record in records_of(plausible, vendor, stream, days=40) for text in texts(record)]

    awkward = Counter(text for text in found if text in AWKWARD)
    assert set(awkward) == set(AWKWARD)
    assert 0.005 < awkward.total() / len(found) < 0.05


def test_the_vendors_own_quirks_are_served(plausible):
    conversations = records_of(plausible, "ada", "conversations")
    messages = records_of(plausible, "ada", "messages")
    times = {type(each["time"]) for each in records_of(plausible, "agentx", "messages")}

    assert {json.dumps(each["record_last_updated"]) for each in conversations} == {"{}", "null"}
    assert {len(each["date_created"]) for each in conversations} == {19}
    assert {"None", None} < {each["answer_id"] for each in messages}
    assert times == {int, float}


@pytest.mark.parametrize(("endpoint", "schema"), [("conversations", "Conversation"), ("messages", "Message")])
def test_plausible_records_keep_to_ada_s_contract_as_well_as_hostile_ones(plausible, endpoint, schema):
    found = deviations(endpoint, schema=schema, records=records_of(plausible, "ada", endpoint, days=4))

    assert found <= {key for key in DEVIATIONS if key[0] == endpoint}


def test_a_filter_finds_exactly_the_plausible_records_that_say_so(client, simulator):
    simulator.update(hostile=False)
    window = {"created_at__range": "2026-06-01T00:00:00Z,2026-06-21T00:00:00Z", "limit": 100}

    pages = client.walk_applied(**window, resolution="escalated")
    records = [json.loads(record) for page in pages for record in page]

    assert records
    assert {each["resolution"] for each in records} == {"escalated"}


def test_hostile_values_come_and_go_at_run_time():
    simulator = simulated()
    window = ("ada", "conversations", START, START + 2 * DAY)

    before = simulator.truth(*window)
    simulator.update(hostile=True)
    hostile = simulator.truth(*window)
    simulator.update(hostile=False)

    assert simulator.truth(*window) == before != hostile
    assert any(b"18446744073709551617" in record for record in hostile)
    assert not any(b"18446744073709551617" in record for record in before)
