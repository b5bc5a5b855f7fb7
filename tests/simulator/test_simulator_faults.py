from __future__ import annotations

import json
from datetime import timedelta
from email.utils import parsedate_to_datetime

import pytest
import requests

from airflow_provider_convexport.simulator.faults import RETRYABLE, Fault

WEEK = {"start_time": 1780272000, "end_time": 1780876800, "bot_name": "support-bot", "per_page": 20}


@pytest.mark.parametrize(
    ("kind", "status", "header"),
    [
        ("status:500", 500, None),
        ("status:408", 408, None),
        ("502-html", 502, None),
        ("503-retry-after-seconds", 503, "1"),
        ("503-retry-after-date", 503, "date"),
        ("429", 429, None),
        ("429-retry-after", 429, "1"),
        ("html-200", 200, None),
        ("redirect", 302, None),
    ],
)
def test_a_fault_hits_the_request_it_is_planned_for_and_no_other(client, simulator, kind, status, header):
    simulator.update(faults=(Fault(kind, at=2),))
    answers = [client.agentx(**WEEK) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, status, 200]
    assert answers[0].content == answers[2].content != answers[1].content
    given = answers[1].headers.get("Retry-After")
    assert parsedate_to_datetime(given) if header == "date" else given == header
    assert [request.fault for request in simulator.request_log.requests] == [None, kind, None]


def test_faults_have_the_body_they_are_named_after(client, simulator):
    simulator.update(faults=(Fault("502-html", at=1), Fault("html-200", at=2), Fault("redirect", at=3)))
    gateway, outage, redirect = (client.agentx(**WEEK) for _ in range(3))

    assert gateway.headers["Content-Type"].startswith("text/html")
    assert outage.text.startswith("<!DOCTYPE html>")
    assert redirect.headers["Location"].startswith("https://elsewhere.invalid/conversations/")


@pytest.mark.parametrize("kind", ["reset", "reset-after-headers", "cut-body"])
def test_a_cut_connection_is_an_error_of_the_connection(client, simulator, kind):
    simulator.update(faults=(Fault(kind, at=1),))

    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        client.agentx(**WEEK)
    assert client.agentx(**WEEK).status_code == 200


def test_half_a_document_has_an_honest_length(client, simulator):
    simulator.update(faults=(Fault("half-json", at=1),))
    half = client.agentx(**WEEK)

    assert half.status_code == 200
    assert len(half.content) == int(half.headers["Content-Length"])
    with pytest.raises(json.JSONDecodeError):
        json.loads(half.content)


def test_slow_answers_are_right_but_late(client, simulator):
    simulator.update(faults=(Fault("slow", at=1),), slow_seconds=0.2)
    late = client.agentx(**WEEK)

    assert late.elapsed >= timedelta(seconds=0.2)
    assert late.json()["data"]


def test_only_a_cursor_can_expire(client, simulator):
    simulator.update(faults=(Fault("cursor-expired", rate=1.0),))
    first = client.agentx(**WEEK)

    assert first.status_code == 200
    assert client.agentx(**WEEK, cursor=first.json()["cursor"]).status_code == 400


def test_a_fault_can_be_meant_for_one_endpoint(client, simulator):
    simulator.update(faults=(Fault("status:500", rate=1.0, vendor="agentx", endpoint="messages"),))

    assert client.agentx(**WEEK).status_code == 200
    assert client.agentx("messages", **WEEK).status_code == 500


def test_rates_are_kept_and_the_same_for_the_same_seed():
    hits = [
        Fault("mixed", rate=0.1, seed=7).hits(n, vendor="", endpoint="", resumed=False) for n in range(5000)
    ]
    again = [
        Fault("mixed", rate=0.1, seed=7).hits(n, vendor="", endpoint="", resumed=False) for n in range(5000)
    ]

    assert hits == again
    assert 400 < sum(hits) < 600


def test_mixed_means_every_retryable_kind():
    fault = Fault("mixed", rate=1.0)

    assert {fault.concrete(number) for number in range(500)} == set(RETRYABLE)


@pytest.mark.parametrize("arguments", [("nonsense",), ("status",), ("reset:5",), ("429", 1, 1.5)])
def test_unknown_faults_are_refused(arguments):
    with pytest.raises(ValueError, match=r"Unknown fault|rate"):
        Fault(*arguments)
