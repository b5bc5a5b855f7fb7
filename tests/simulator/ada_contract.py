"""Ada's own OpenAPI document, and where the simulator deviates from it."""

from __future__ import annotations

from pathlib import Path

import yaml
from jsonschema import Draft202012Validator

CONTRACT = yaml.safe_load((Path(__file__).parent / "ada-data-export.openapi.yml").read_text())
DEVIATIONS = {
    # (endpoint, field): why the simulator serves a value that the contract does not allow
    ("conversations", "record_last_updated"): "the reference page's sample has an empty object",
    ("conversations", "last_agent_id"): "prose of the contract: null when no agent was assigned",
    ("conversations", "last_agent_name"): "prose of the contract: null when no agent was assigned",
    ("conversations", "agent_handle_time"): "no agent, no time; the attribute table says it may be empty",
    ("conversations", "csat"): "no survey; assumed, no page shows it",
    ("conversations", "generated_topic_id"): "no topic; its label is documented as nullable",
    ("conversations", "inquiry_summary"): "not every conversation is summarised; assumed",
    ("conversations", "oauth_channel"): "not every chat has one; assumed",
    ("messages", "in_response_to"): "prose of the contract: none if it responds to nothing",
    ("errors", "details"): "the errors page shows a list for validation_error",
}


def validator(name):
    return Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": CONTRACT["components"]}
    )


def deviations(endpoint, *, schema, records):
    errors = (error for record in records for error in validator(schema).iter_errors(record))
    return {(endpoint, error.absolute_path[0]) for error in errors}
