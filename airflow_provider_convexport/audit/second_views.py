"""What a vendor shows of the same records a second time, as data; the vendor's hook module has the values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_convexport.export.fetch.stream import Stream

Facts = dict[str, Any]
"""Some members of a record, decoded."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Another endpoint lists the same records; the ids of a window must be the same.

    :param stream: The endpoint. It has the same ids, and takes the same filters.
    :param window_on: The only ``window_on`` by which both endpoints select.
    """

    stream: Stream
    window_on: str


@dataclass(frozen=True, slots=True)
class MessagesOf:
    """A conversation says how many messages it has; they are records of another stream.

    :param stream: Name of that stream; it has a filter ``conversation_id``.
    :param conversation_field: Member of a message with the id of its conversation.
    :param begun_field: Member of a conversation with the time before which it has no message.
    :param until_field: Member of a conversation with the time of the last thing that its record speaks of.
    :param facts: Further members of a conversation that ``expected`` needs.
    :param expected: Returns the number of messages that a conversation has until then, at least; 0 if its
        record does not tell.
    :param message_facts: Further members of a message that ``counts`` needs.
    :param counts: Whether a message is one of those that ``expected`` counts.
    """

    stream: str
    conversation_field: str
    begun_field: str
    until_field: str
    facts: tuple[str, ...]
    expected: Callable[[Facts], int]
    message_facts: tuple[str, ...] = ()
    counts: Callable[[Facts], bool] = lambda _facts: True


@dataclass(frozen=True, slots=True)
class ConversationOf:
    """A message names its conversation, which is a record of another stream and began before it.

    :param stream: Name of that stream.
    :param window_on: The ``window_on`` by which conversations lie where they began.
    :param conversation_field: Member of a message with the id of its conversation; the stream of messages has
        a filter ``conversation_id``.
    :param lookback: How long before a message its conversation is looked for; the vendor accepts a window of
        this length.
    """

    stream: str
    window_on: str
    conversation_field: str
    lookback: timedelta = timedelta(days=58)


SecondView = Listing | MessagesOf | ConversationOf
