"""Records of living conversations: members of a rendered record get their present values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from airflow_provider_convexport.simulator.dataset import Conversation, State

if TYPE_CHECKING:
    from collections.abc import Mapping

Members = dict[str, msgspec.Raw]
"""The members of a record, or of an object in it, as their exact bytes."""
Change = Callable[[Members, Conversation, State], dict[str, Any]]
"""Returns the members of a record that a state changes, as values that msgspec encodes."""

_DECODER: Final = msgspec.json.Decoder(Members)


def living(text: bytes, conversation: Conversation, change: Change) -> bytes:
    """Return a rendered record as the conversation's state has it.

    Members that the record does not have are not added, and all others keep their exact bytes.

    :param text: The record as compact JSON; returned as it is if the conversation has no state.
    """
    if conversation.state is None:
        return text
    record = _DECODER.decode(text)
    return changed(record, change(record, conversation, conversation.state))


def changed(record: Members, members: Mapping[str, Any]) -> bytes:
    """Return an object with other values of those members that it has."""
    known = {name: value for name, value in members.items() if name in record}
    return msgspec.json.encode({**record, **known})


def parsed(raw: msgspec.Raw) -> Members:
    """Return the members of an object that is the value of a member."""
    return _DECODER.decode(raw)
