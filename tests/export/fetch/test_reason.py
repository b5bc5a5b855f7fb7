from __future__ import annotations

import json

import pytest

from airflow_provider_convexport.export.fetch.reason import MAX_BYTES, reason_in

ADA = {
    "errors": [
        {
            "type": "validation_error",
            "message": "bad query of jane@example.com",
            "details": [
                {"parameter": "$.created_to", "location": "query", "message": "too far from created_since"}
            ],
        }
    ]
}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (ADA, "type validation_error, parameter $.created_to"),
        ({"errors": [{"type": "not_enabled", "message": "Off.", "details": "Ask."}]}, "type not_enabled"),
        ({"errors": [{"type": "a", "details": None}, {"type": "b"}, {"type": "a"}]}, "type a, type b"),
        ({"created_at__range": ["Enter a valid range."]}, "parameter created_at__range"),
        ({"detail": "Authentication credentials were not provided."}, ""),
        ({"detail": ["Not found."], "code": "not_found"}, "type not_found"),
        ({"message": "Forbidden"}, ""),
        ({"type": "a sentence about Jane"}, ""),
        ({"type": "x\x1b[31mred"}, ""),
        ({"type": "x" * 51}, ""),
        ([f"{{{number}}}" for number in range(3)], ""),
        ([{"type": f"t{number}"} for number in range(9)], ", ".join(f"type t{each}" for each in range(6))),
        ("text", ""),
        (None, ""),
    ],
)
def test_only_types_and_names_of_parameters_are_shown(body, reason):
    assert reason_in(json.dumps(body).encode()) == reason


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>type: validation_error</html>",
        b'{"type": "\xff"}',
        b"[" * 9_000,
        b'{"type": "x", "padding": "' + b" " * MAX_BYTES + b'"}',
    ],
)
def test_a_body_that_is_no_short_json_gives_no_reason(body):
    assert reason_in(body) == ""


def test_an_object_that_is_nested_deeply_is_not_followed_to_its_end():
    assert reason_in(b'{"a":' * 500 + b'{"type": "x"}' + b"}" * 500) == ""
