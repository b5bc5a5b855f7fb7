"""The people of the conversations: four agents and two hundred contacts, whom all vendors may share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_convexport.simulator.identifiers import uuid_text

if TYPE_CHECKING:
    from airflow_provider_convexport.simulator.dataset import Conversation

AGENTS: Final = tuple(uuid_text(0xA6E47 * (number + 1), number) for number in range(4))
"""Ids of the agents."""
_CONTACTS: Final = tuple(uuid_text(0xC047AC7 * (number + 1), number) for number in range(200))


def agent_of(conversation: Conversation) -> str | None:
    """Return the id of a conversation's agent; one conversation in five has none."""
    number = conversation.draws[3] % (len(AGENTS) + 1)
    return AGENTS[number] if number < len(AGENTS) else None


def contact_of(conversation: Conversation) -> str:
    """Return the id of a conversation's contact."""
    return _CONTACTS[conversation.draws[4] % len(_CONTACTS)]
