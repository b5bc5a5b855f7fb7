"""The check "conversations": each message belongs to a conversation that is published."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_provider_convexport.audit.entries import Shape
from airflow_provider_convexport.audit.ground import covering, moment_at
from airflow_provider_convexport.export.window import Window

if TYPE_CHECKING:
    from airflow_provider_convexport.audit.findings import Findings, Verdict
    from airflow_provider_convexport.audit.ground import Ground
    from airflow_provider_convexport.audit.second_views import ConversationOf
    from airflow_provider_convexport.audit.subject import Subject
    from airflow_provider_convexport.export.dataset.reader import PublishedPartition

CHECK = "conversations"
_DAY = 86_400.0
_BEFORE = timedelta(hours=1)
"""How long before its first message a conversation that is not published is looked for at the vendor."""
_MOST_ASKED = 200
"""Conversations of one partition that the vendor is asked about; each takes two requests or more."""


def check_conversations(ground: Ground, subject: Subject, view: ConversationOf, findings: Findings) -> None:
    """Look for the conversation of each message of a partition among those that are published.

    They are looked for from the newest partition back; the one after the message's own counts, too, because
    the vendor's two exports need not agree to the second.
    """
    partitions = ground.beside(view.stream, view.window_on)
    if not partitions or subject.query.filters:
        return
    wanted = {
        str(identity)
        for entry in subject.ours.values()
        if (identity := subject.shape.facts_of(entry)[view.conversation_field]) is not None
    }
    findings.begin(CHECK, len(wanted))
    end = subject.covers.end.timestamp()
    start = end - view.lookback.total_seconds()
    near, _ = covering(partitions, start, end + _DAY)
    for partition in reversed(near):
        if not wanted:
            return
        wanted -= ground.published(partition, _shape(ground, view)).keys()
    for key in sorted(wanted)[:_MOST_ASKED]:
        findings.note(CHECK, f"conversation {key}", _verdict(ground, subject, view, key, partitions))
    for key in sorted(wanted)[_MOST_ASKED:]:
        findings.note(CHECK, f"conversation {key}", "unknown")


def _verdict(
    ground: Ground, subject: Subject, view: ConversationOf, key: str, partitions: list[PublishedPartition]
) -> Verdict:
    """Return what became of a conversation that is not published although messages of it are.

    The vendor is asked for its messages. If there are none, it was deleted. The first of them tells when the
    conversation began; unless conversations are published from the day before, it is not known whether it
    should be.
    """
    query = ground.account.query(stream=subject.query.stream.name, filters={"conversation_id": key})
    window = Window(subject.covers.end - view.lookback, subject.covers.end)
    if not ground.is_kept(window, query.stream):
        return "unknown"
    asked = ground.asked(query, window, subject.shape)
    moments = [each.moment for each in asked.values() if each.moment is not None]
    if not moments:
        return "deleted"
    first = min(moments)
    _, is_whole = covering(partitions, first - _DAY, first + 1)
    if not is_whole or first - window.start.timestamp() < _DAY:
        return "unknown"
    begun = Window(moment_at(first) - _BEFORE, moment_at(first) + timedelta(seconds=1))
    conversations = ground.account.query(stream=view.stream, window_on=view.window_on)
    if key in ground.asked(conversations, begun, _shape(ground, view)):
        return "late"
    # It may have been deleted between the two requests, and its messages with it.
    return "missing" if ground.asked(query, window, subject.shape) else "deleted"


def _shape(ground: Ground, view: ConversationOf) -> Shape:
    stream = ground.account.streams[view.stream]
    return Shape(stream.id_field, stream.time_fields[view.window_on])
