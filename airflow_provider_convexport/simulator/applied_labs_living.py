"""What changes in Applied Labs' conversations while they live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.simulator.living_records import living
from airflow_provider_convexport.simulator.times import naive_text, whole_second

if TYPE_CHECKING:
    from airflow_provider_convexport.simulator.dataset import Conversation, State
    from airflow_provider_convexport.simulator.living_records import Members


def living_conversation(text: bytes, conversation: Conversation) -> bytes:
    """Return a conversation as its state has it.

    ``updated_at`` moves with each change, ``last_message_at`` with messages only, and no change but a message
    can be selected by a window.
    """
    return living(text, conversation, _conversation)


def _conversation(_record: Members, conversation: Conversation, state: State) -> dict[str, Any]:
    rated = [] if state.rated is None else ["rated"]
    members: dict[str, Any] = {
        "status": "new" if len(conversation.messages) == 1 else "open",
        "tags": [f"edited {number}" for number in range(state.edits)] + rated,
        "resolved_at": None if state.ended is None else f"{naive_text(whole_second(state.ended))}Z",
    }
    edited = {"title": f"Title {state.edits}", "summary": f"Summary {state.edits}"}
    return members | (edited if state.edits else {})
