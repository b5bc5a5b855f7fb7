from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

import pendulum
import pytest

from airflow_provider_convexport.errors import ConfigurationError, IncompleteExportError, VendorRejectedError
from airflow_provider_convexport.hooks.agentx import AgentXHook
from tests.support.tiny_server import Answer, as_json

APRIL_1 = pendulum.datetime(2026, 4, 1)
START = APRIL_1.int_timestamp
DAY = 86_400


@pytest.fixture
def agentx(connect, server):
    connect("agentx", server.url, extra={"bot_name": "support bot"})
    server.fallback = lambda asked: as_json({"data": [], "cursor": None})
    return server


def params(target):
    return dict(parse_qsl(urlsplit(target).query))


def test_a_window_is_sent_in_whole_epoch_seconds(agentx):
    list(AgentXHook().export_messages(APRIL_1.add(microseconds=500_000), APRIL_1.add(days=1)))

    assert urlsplit(agentx.targets[0]).path == "/conversations/export/v1/messages"
    assert params(agentx.targets[0]) == {
        "start_time": str(START - 1),
        "end_time": str(START + DAY + 1),
        "bot_name": "support bot",
        "per_page": "1000",
    }


def test_all_parameters_are_repeated_with_the_cursor(agentx):
    agentx.script = [
        as_json({"data": [], "cursor": "a/b+c=="}),
        as_json({"data": [], "cursor": "d&e=f"}),
    ]

    list(AgentXHook().export_messages(APRIL_1, APRIL_1.add(days=1), conversation_id="c1"))

    first, second, third = map(params, agentx.targets)
    assert first["conversation_id"] == "c1"
    assert second == {**first, "cursor": "a/b+c=="}
    assert third == {**first, "cursor": "d&e=f"}


@pytest.mark.parametrize("end", [{"cursor": None}, {"cursor": ""}, {}])
def test_a_null_empty_or_missing_cursor_is_the_end(agentx, end):
    agentx.fallback = lambda asked: as_json({"data": [{"_id": "a", "time": START}], **end})

    assert len(list(AgentXHook().export_messages(APRIL_1, APRIL_1.add(days=1)))) == 1
    assert len(agentx.asked) == 1


def test_a_cursor_that_comes_back_is_an_error(agentx):
    agentx.fallback = lambda asked: as_json({"data": [], "cursor": "same"})

    with pytest.raises(IncompleteExportError, match="does not advance"):
        list(AgentXHook().export_messages(APRIL_1, APRIL_1.add(days=1)))


def test_a_long_interval_is_cut_into_days(agentx):
    list(AgentXHook().export_messages(APRIL_1, APRIL_1.add(days=3, hours=1)))

    spans = [
        (int(one["start_time"]) - START, int(one["end_time"]) - START) for one in map(params, agentx.targets)
    ]
    assert spans == [
        (-1, DAY + 1),
        (DAY - 1, 2 * DAY + 1),
        (2 * DAY - 1, 3 * DAY + 1),
        (3 * DAY - 1, 3 * DAY + 3601),
    ]


def test_whole_and_broken_seconds_are_both_times(agentx):
    times = [START - 0.001, START, START + 0.5, START + DAY - 0.001, START + DAY]
    agentx.script = [
        as_json({"data": [{"_id": str(number), "time": time} for number, time in enumerate(times)]})
    ]

    assert [one["_id"] for one in AgentXHook().export_messages(APRIL_1, APRIL_1.add(days=1))] == [
        "1",
        "2",
        "3",
    ]


def test_conversations_are_asked_for_ten_seconds_beyond_the_window(agentx):
    """One that lasted no longer is in the answer, whichever of its times the vendor selects by."""
    list(AgentXHook().export_conversations(APRIL_1, APRIL_1.add(days=1)))

    asked = params(agentx.targets[-1])
    assert (int(asked["start_time"]), int(asked["end_time"])) == (START - 10, START + DAY + 10)


def test_a_start_in_milliseconds_does_not_stop_the_export(agentx):
    agentx.fallback = lambda asked: as_json({"data": [{"_id": "a", "startTime": START * 1000}]})

    assert len(list(AgentXHook().export_conversations(APRIL_1, APRIL_1.add(days=1)))) == 1


def test_the_bot_of_a_call_wins(agentx):
    list(AgentXHook(bot_name="hook").export_messages(APRIL_1, APRIL_1.add(days=1), bot_name="Zürich/1"))
    list(AgentXHook(bot_name="hook").export_conversations(APRIL_1, APRIL_1.add(days=1)))

    first, *others = [params(target)["bot_name"] for target in agentx.targets]
    assert (first, set(others)) == ("Zürich/1", {"hook"})


@pytest.mark.parametrize("extra", [{}, {"bot_name": ""}, {"bot_name": "  "}, {"bot_name": None}])
def test_without_a_bot_nothing_is_asked(connect, agentx, extra):
    connect("agentx", agentx.url, extra=extra)

    with pytest.raises(
        ConfigurationError,
        match="No bot is named; set the extra bot_name of the connection agentx_default, or pass bot_name=",
    ):
        AgentXHook().export_conversations(APRIL_1, APRIL_1.add(days=1))
    assert agentx.asked == []


def test_an_unknown_bot_is_named_in_the_advice(agentx):
    agentx.fallback = lambda asked: Answer(404)

    with pytest.raises(VendorRejectedError, match="Check that bot_name names a bot of this account"):
        list(AgentXHook().export_conversations(APRIL_1, APRIL_1.add(days=1)))


def test_a_gateways_403_means_the_key(agentx):
    agentx.fallback = lambda asked: Answer(403, b'{"message": "Forbidden"}', {"x-amzn-RequestId": "r-1"})

    with pytest.raises(
        VendorRejectedError, match=r"\(request id r-1\)\. Check the API key .* plan includes the Export API"
    ):
        list(AgentXHook().export_conversations(APRIL_1, APRIL_1.add(days=1)))


def test_the_probe_asks_for_one_record_of_the_last_minute(agentx):
    AgentXHook().test_connection()

    sent = params(agentx.targets[0])
    assert sent["per_page"] == "1"
    assert int(sent["end_time"]) - int(sent["start_time"]) == 80
    assert abs(int(sent["end_time"]) - datetime.now(UTC).timestamp()) < 30
