"""What changes in AgentX's conversations while they live; its messages never change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.simulator.living_records import living, parsed

if TYPE_CHECKING:
    from airflow_provider_convexport.simulator.dataset import Conversation, State
    from airflow_provider_convexport.simulator.living_records import Members


def living_conversation(text: bytes, conversation: Conversation) -> bytes:
    """Return a conversation as its state has it.

    Tags and transcript grow. ``lastActionAt`` moves with messages only, which is the harsher reading.
    """
    return living(text, conversation, _conversation)


def _conversation(record: Members, conversation: Conversation, state: State) -> dict[str, Any]:
    tags = ["guideInteraction"]
    tags += [f"edited{number}" for number in range(state.edits)]
    tags += ["resolved"] if state.ended is not None else []
    tags += ["rated"] if state.rated is not None else []
    if not conversation.hostile:  # the transcript of a plausible record has grown with its messages
        return {"tags": tags}
    lines = [f"{('Bot', 'User')[number % 2]}:\tLine {number}" for number in range(len(conversation.messages))]
    return {"tags": tags, "metadata": {**parsed(record["metadata"]), "transcript": "\n".join(lines)}}
