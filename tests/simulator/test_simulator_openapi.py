"""Ada's half of the simulator against Ada's own OpenAPI document."""

from __future__ import annotations

import pytest

from tests.simulator.ada_contract import CONTRACT, DEVIATIONS, deviations, validator

WINDOW = {"created_since": "2026-06-01T00:00:00Z", "created_to": "2026-06-21T00:00:00Z"}


def operation(endpoint):
    return CONTRACT["paths"][f"/v2/export/{endpoint}"]["get"]


@pytest.mark.parametrize(("endpoint", "schema"), [("conversations", "Conversation"), ("messages", "Message")])
def test_records_deviate_from_the_contract_exactly_where_listed(client, endpoint, schema):
    records = client.ada(endpoint, **WINDOW).json()["data"]

    assert len(records) > 200
    expected = {key for key in DEVIATIONS if key[0] == endpoint}
    assert deviations(endpoint, schema=schema, records=records) == expected


@pytest.mark.parametrize(("endpoint", "schema"), [("conversations", "Conversation"), ("messages", "Message")])
def test_every_field_of_the_contract_is_served(client, endpoint, schema):
    records = client.ada(endpoint, **WINDOW).json()["data"]

    assert set(CONTRACT["components"]["schemas"][schema]["properties"]) <= set().union(*records)


@pytest.mark.parametrize(
    ("endpoint", "schema"), [("conversations", "ConversationsResponse"), ("messages", "MessagesResponse")]
)
def test_envelopes_fulfil_the_contract(client, endpoint, schema):
    for page_size in (100, 10_000):
        body = client.ada(endpoint, **WINDOW, page_size=page_size).json()
        assert isinstance(body["meta"]["next_page_uri"], str if page_size == 100 else type(None))
        validator(schema).validate(body | {"data": []})
        assert set(body) == set(CONTRACT["components"]["schemas"][schema]["properties"])


@pytest.mark.parametrize("endpoint", ["conversations", "messages"])
def test_the_parameters_of_the_contract_are_accepted_and_no_others(client, endpoint):
    samples = {"conversation_id": "66b0c0ffee00000000000001", "page_size": 100} | WINDOW
    known = [each["name"] for each in operation(endpoint)["parameters"] if each["in"] == "query"]
    created = {name: samples[name] for name in known if not name.startswith("updated")}

    assert client.ada(endpoint, **created).status_code == 200
    assert client.ada(endpoint, **created, invented=1).status_code == 400


@pytest.mark.parametrize("endpoint", ["conversations", "messages"])
def test_what_the_contract_requires_is_required(client, endpoint):
    required = {each["name"] for each in operation(endpoint)["parameters"] if each["required"]}

    assert client.ada(endpoint, key=None, **WINDOW).status_code == 401
    if "created_since" in required:
        assert client.ada(endpoint, created_to=WINDOW["created_to"]).status_code == 400


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"page_size": 1}, 400), ({"key": "wrong"}, 401), ({"path": "/api/v2/export/nothing"}, 404)],
)
def test_errors_fulfil_the_contract_but_for_their_details(client, changes, status):
    answer = client.ada(**WINDOW, **changes)
    (error,) = answer.json()["errors"]

    assert answer.status_code == status
    assert str(status) in operation("conversations")["responses"]
    validator("Errors").validate({"errors": [error | {"details": None}]})


def test_limits_and_crashes_answer_in_the_shape_of_the_contract(client, simulator):
    simulator.update(limits=True)
    answers = [client.ada(**WINDOW, page_size=100) for _ in range(11)]

    assert answers[-1].status_code == 429
    validator("Errors").validate(answers[-1].json())
