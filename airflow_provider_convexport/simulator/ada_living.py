"""What changes in Ada's records while a conversation lives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.simulator.living_records import living
from airflow_provider_convexport.simulator.times import SECOND, naive_text, whole_second

if TYPE_CHECKING:
    from airflow_provider_convexport.simulator.dataset import Conversation, State
    from airflow_provider_convexport.simulator.living_records import Members


def living_conversation(text: bytes, conversation: Conversation) -> bytes:
    """Return a conversation as its state has it; ``date_updated`` moves with each of these changes."""
    return living(text, conversation, _conversation)


def living_message(text: bytes, conversation: Conversation, number: int) -> bytes:
    """Return a message, which is clicked and reviewed later; its conversation does not change by that."""
    return living(text, conversation, lambda _record, whole, state: _message(whole, state, number=number))


def _conversation(_record: Members, conversation: Conversation, state: State) -> dict[str, Any]:
    members: dict[str, Any] = {
        "automated_resolution_classification": "Not Resolved" if state.ended is None else "Resolved",
        "csat": None if state.rated is None else _satisfaction(conversation),
        "is_engaged": len(conversation.messages) > 1,
    }
    return members | ({"inquiry_summary": f"Summary {state.edits}"} if state.edits else {})


def _satisfaction(conversation: Conversation) -> dict[str, Any]:
    score = conversation.draws[5] % 5 + 1
    return {"style": "EMOJI", "survey_type": "end_chat", "score": score, "is_positive": score > 2}


def _message(conversation: Conversation, state: State, *, number: int) -> dict[str, Any]:
    clicked, reviewed = state.clicked[number], state.reviewed[number]
    changed = max(conversation.messages[number] + 3 * SECOND, clicked or 0, reviewed or 0)
    return {
        "link_was_clicked": clicked is not None,
        "review": int(reviewed is not None),
        "record_last_updated": f"{naive_text(whole_second(changed))}.{changed % SECOND:06d}+00:00",
    }
