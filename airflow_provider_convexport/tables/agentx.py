"""AgentX Support by Workato, Export API: what its records become in tables.

Members and their types are documented at
https://docs.workato.com/en/agentic/agentx-support/analytics/export-api. The transcript in a conversation's
metadata is a snapshot for the flow, so messages come from the stream of messages alone.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from airflow_provider_convexport.tables.members import Unreadable, decoded
from airflow_provider_convexport.tables.sources import Mappings, RecordMapping, nothing, one, several
from airflow_provider_convexport.tables.values import (
    Note,
    epoch,
    flag,
    identifier,
    json_object,
    member_texts,
    strings,
    text,
    utc_text,
)

_STEPS: Final = member_texts("text")


def _is_resolved(tags: object, note: Note) -> bool | None:
    if type(tags) is not list:
        return note(tags)
    return True if "resolved" in tags else None


def _role(kind: Any, steps: Any, told: Any, written: Any, note: Note) -> str:
    """Return who speaks, or ``unknown`` if the members contradict each other or do not say."""
    if kind is not None and type(kind) is not str:
        note(kind)
    by_customer = kind == "UserInput" or _is_given(written)
    by_bot = kind == "BotMessage" or steps is not None or told is not None
    if by_customer == by_bot:
        return "unknown"
    return "customer" if by_customer else "bot"
