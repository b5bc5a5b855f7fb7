from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest

from airflow_provider_convexport.simulator.limits import Limit, Limiter

WEEK = {"start_time": 1780272000, "end_time": 1780876800, "bot_name": "support-bot", "per_page": 1}
JUNE = {"created_at__range": "2026-06-01T00:00:00Z,2026-06-08T00:00:00Z", "limit": 1}
SHOPS = ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222")
SINCE = {"created_since": "2026-06-01T00:00:00Z", "created_to": "2026-06-02T00:00:00Z", "page_size": 100}


def test_a_window_moves_with_the_requests():
    limiter, limit = Limiter(), (Limit("3/s", "", 3, 1.0),)
    waits = [limiter.admit(limit, now=now) for now in (0.0, 0.5, 0.9, 0.95, 1.0, 1.4, 1.5)]

    assert waits == pytest.approx([0, 0, 0, 0.05, 0, 0.1, 0])


def test_a_refused_request_counts_for_none_of_its_limits():
    limiter, short, long = Limiter(), Limit("1/s", "", 1, 1.0), Limit("10/min", "", 10, 60.0)

    for now in (0.0, 0.1, 0.2):
        limiter.admit((short, long), now=now)

    assert limiter.remaining(long, now=0.3)[0] == 9


def test_agentx_accepts_three_a_second_for_each_endpoint(client, simulator):
    simulator.update(limits=True)
    statuses = [client.agentx(**WEEK).status_code for _ in range(4)]

    assert statuses == [200, 200, 200, 429]
    assert client.agentx("messages", **WEEK).status_code == 200


def test_applied_labs_accepts_sixty_a_minute_for_each_shop(client, simulator):
    simulator.update(limits=True)
    statuses = [client.applied(path, **JUNE).status_code for path in ["export/", ""] * 30]
    refused = client.applied(**JUNE)

    assert set(statuses) == {200}
    assert refused.status_code == 429
    assert 50 <= int(refused.headers["Retry-After"]) <= 60
    assert client.applied(**JUNE, shop=SHOPS[1]).status_code == 200


def test_ada_accepts_ten_a_second_for_each_endpoint(client, simulator):
    simulator.update(limits=True)
    statuses = [client.ada(**SINCE).status_code for _ in range(11)]

    assert statuses == [200] * 10 + [429]
    assert client.ada("messages", **SINCE).status_code == 200


def test_a_wrong_key_uses_up_nothing(client, simulator):
    simulator.update(limits=True)

    assert {client.agentx(**WEEK, key="wrong").status_code for _ in range(5)} == {403}
    assert client.agentx(**WEEK).status_code == 200


def test_retry_after_has_the_form_that_was_switched_to(client, simulator):
    simulator.update(limits=True)
    for _ in range(3):
        client.agentx(**WEEK)
    forms = {}
    for form in ("seconds", "date", "none"):
        simulator.update(retry_after=form)
        forms[form] = client.agentx(**WEEK).headers.get("Retry-After")

    assert forms["seconds"] == "1"
    assert parsedate_to_datetime(forms["date"]) > datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC)
    assert forms["none"] is None


def test_without_limits_the_request_log_still_counts(client, simulator):
    for _ in range(7):
        assert client.agentx(**WEEK).status_code == 200
    (use,) = simulator.request_log.limit_uses()

    assert (use.limit.allowed, use.arrivals, use.accepted) == (3, 7, 7)


def test_arrivals_and_accepted_requests_are_told_apart(client, simulator):
    simulator.update(limits=True)
    for _ in range(5):
        client.agentx(**WEEK)
    (use,) = simulator.request_log.limit_uses()

    assert (use.arrivals, use.accepted) == (5, 3)


def test_the_request_log_has_everything_but_the_key(client, simulator):
    client.agentx(**WEEK, key="a-secret-that-is-wrong")
    client.agentx(**WEEK)
    told = client.get("/_simulator/requests")
    wrong, right = told.json()

    assert "secret" not in told.text
    assert "agentx-simulated-key" not in told.text
    assert (wrong["credential"], wrong["status"]) == ("wrong", 403)
    assert (right["credential"], right["status"], right["records"]) == ("right", 200, 1)
    assert right["params"][0] == ["start_time", "1780272000"]
    assert right["vendor"] == "agentx"
    assert right["endpoint"] == "conversations"


def test_the_summary_counts_and_reset_forgets(client, simulator):
    client.agentx(**WEEK)
    client.applied("nowhere")
    summary = client.get("/_simulator/summary").json()

    assert summary["requests"] == 2
    assert {"vendor": "agentx", "endpoint": "conversations", "status": 200, "count": 1} in summary["counts"]
    assert summary["limits"][0]["max_arrivals"] == 1
    assert client.get("/_simulator/reset", method="POST").status_code == 204
    assert client.get("/_simulator/summary").json()["requests"] == 0


def test_the_truth_is_served_line_by_line(client, simulator):
    start, end = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 3, tzinfo=UTC)
    params = {
        "start": start.isoformat(),
        "end": end.isoformat(),
        "scope": "sales-bot",
        "window_on": "lastActionAt",
    }
    told = client.get("/_simulator/records/agentx/conversations", params=params)
    truth = simulator.truth(
        "agentx", "conversations", start, end, scope="sales-bot", window_on="lastActionAt"
    )

    assert told.content.split(b"\n") == [*truth, b""]
    assert simulator.request_log.requests == []


@pytest.mark.parametrize("path", ["nobody/conversations", "ada/nothing"])
def test_truth_about_the_unknown_is_refused(client, path):
    params = {"start": "2026-06-01", "end": "2026-06-02"}

    assert client.get(f"/_simulator/records/{path}", params=params).status_code == 400
