"""The check "messages": conversations say how many messages they have, and these must be published.

What the published records say counts, not what the vendor says now: a conversation that went on later has
more messages, which lie in later partitions. Only where too few are published, the vendor is asked for the
messages of that conversation.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_convexport.audit.entries import Shape
from airflow_provider_convexport.audit.ground import covering, moment_at
from airflow_provider_convexport.export.fetch.moment import moment_of
from airflow_provider_convexport.export.window import Window

if TYPE_CHECKING:
    from airflow_provider_convexport.audit.entries import Entry
    from airflow_provider_convexport.audit.findings import Findings, Verdict
    from airflow_provider_convexport.audit.ground import Ground
    from airflow_provider_convexport.audit.second_views import MessagesOf
    from airflow_provider_convexport.audit.subject import Subject
    from airflow_provider_convexport.export.dataset.reader import PublishedPartition
    from airflow_provider_convexport.export.fetch.stream import Query

CHECK = "messages"
_LONGEST = 31 * 86_400.0
"""Seconds; a conversation that lasted longer is not judged."""
_MOST_ASKED = 200
"""Conversations of one partition whose messages are asked for; each takes a request or more."""
_TELLING = 4
"""From so many conversations on, a count that is wrong for most of them counts something else."""


class Claim(NamedTuple):
    """What the published record of a conversation says.

    :param key: Its id.
    :param begun: When it began, in epoch seconds.
    :param until: The time up to which its record speaks, exclusive.
    :param messages: How many messages it has until then.
    """

    key: str
    begun: float
    until: float
    messages: int


class Sent(NamedTuple):
    """A message: its id, its time in epoch seconds, and whether it is one of those that are counted."""

    key: str
    moment: float
    counts: bool


def check_messages(ground: Ground, subject: Subject, view: MessagesOf, findings: Findings) -> None:
    """Compare what conversations say of their messages with the published messages."""
    partitions = ground.beside(view.stream)
    if not partitions or subject.query.filters:
        return
    findings.begin(CHECK)
    threads = _Threads(ground, view, partitions)
    short: list[Claim] = []
    judged = 0
    for key, entry in subject.ours.items():
        claim = _claim(key, entry, subject, view)
        if claim is None:
            continue
        judged += 1
        held, is_whole = threads.of(claim)
        if sum(each.counts for each in held) < claim.messages:
            if is_whole:
                short.append(claim)
            else:
                findings.note(CHECK, key, "unknown")
    findings.begin(CHECK, judged)
    _ask(threads, subject, short, findings, judged)


def facts_needed(view: MessagesOf) -> tuple[str, ...]:
    """Return the members of a conversation that this check needs."""
    return (view.begun_field, view.until_field, *view.facts)


def _claim(key: str, entry: Entry, subject: Subject, view: MessagesOf) -> Claim | None:
    """Return what a conversation says; ``None`` if it says nothing that can be checked."""
    facts = subject.shape.facts_of(entry)
    begun, until = moment_of(facts[view.begun_field]), moment_of(facts[view.until_field])
    messages = view.expected(facts)
    if begun is None or until is None or messages < 1 or not begun <= until + 1 <= begun + _LONGEST:
        return None
    # Times are in whole seconds in one record and in parts of seconds in another.
    return Claim(key, math.floor(begun), math.floor(until) + 1.0, messages)


@dataclass(slots=True)
class _Threads:
    """The published messages by conversation."""

    ground: Ground
    view: MessagesOf
    partitions: list[PublishedPartition]
    _by_partition: dict[str, dict[str, list[Sent]]] = field(default_factory=dict)

    def of(self, claim: Claim) -> tuple[list[Sent], bool]:
        """Return the published messages of a conversation, and whether their whole time is published."""
        found, is_whole = covering(self.partitions, claim.begun, claim.until)
        sent = {each.key: each for one in found for each in self._threads(one).get(claim.key, ())}
        return [each for each in sent.values() if each.moment < claim.until], is_whole

    def asked(self, claim: Claim) -> list[Sent]:
        """Ask the vendor for the messages of a conversation."""
        account = self.ground.account
        query = account.query(stream=self.view.stream, filters={"conversation_id": claim.key})
        window = Window(moment_at(claim.begun), moment_at(claim.until))
        entries = self.ground.asked(query, window, self._shape(query))
        return [sent for _, sent in self._sent(entries, self._shape(query)) if sent.moment < claim.until]

    def _threads(self, partition: PublishedPartition) -> dict[str, list[Sent]]:
        if partition.url not in self._by_partition:
            manifest = partition.manifest
            shape = self._shape(
                self.ground.account.query(stream=self.view.stream, window_on=manifest.window_on)
            )
            threads: dict[str, list[Sent]] = defaultdict(list)
            for conversation, sent in self._sent(self.ground.published(partition, shape), shape):
                threads[conversation].append(sent)
            self._by_partition[partition.url] = dict(threads)
        return self._by_partition[partition.url]

    def _shape(self, query: Query) -> Shape:
        members = (self.view.conversation_field, *self.view.message_facts)
        return Shape(query.stream.id_field, query.stream.time_fields[query.window_on], members)

    def _sent(self, entries: dict[str, Entry], shape: Shape) -> list[tuple[str, Sent]]:
        found = []
        for key, entry in entries.items():
            facts = shape.facts_of(entry)
            if entry.moment is not None:
                sent = Sent(key, entry.moment, self.view.counts(facts))
                found.append((str(facts[self.view.conversation_field]), sent))
        return found


def _ask(threads: _Threads, subject: Subject, short: list[Claim], findings: Findings, judged: int) -> None:
    """Ask the vendor about the conversations of which too few messages are published, and note what it is."""
    verdicts: dict[str, Verdict] = {}
    for claim in short[:_MOST_ASKED]:
        asked = threads.asked(claim)
        held = {each.key for each in threads.of(claim)[0]}
        late = [each.key for each in asked if each.key not in held]
        for key in late:
            findings.note(CHECK, f"message {key}", "late")
        if not late:
            verdicts[claim.key] = _verdict(threads, claim, sum(each.counts for each in asked), subject)
    missing = [key for key, verdict in verdicts.items() if verdict == "missing"]
    if judged >= _TELLING and len(missing) * 2 > judged:
        verdicts |= dict.fromkeys(missing, "unknown")
        findings.warnings.append(
            f"Of {judged} conversations {len(missing)} say that they have more messages than the vendor has "
            "of them, so what they say seems to count something else."
        )
    for key, verdict in verdicts.items():
        findings.note(CHECK, f"messages of {key}" if verdict == "missing" else key, verdict)
    for claim in short[_MOST_ASKED:]:
        findings.note(CHECK, claim.key, "unknown")
    if len(short) > _MOST_ASKED:
        findings.warnings.append(
            f"{len(short)} conversations have fewer messages than they say; the vendor was asked about "
            f"{_MOST_ASKED} of them."
        )


def _verdict(threads: _Threads, claim: Claim, asked: int, subject: Subject) -> Verdict:
    """Return what it means that neither the vendor nor we have as many messages as a conversation said.

    :param asked: How many the vendor has.
    """
    now = subject.theirs.get(claim.key)
    if now is None:  # of a conversation that moved on, the vendor has the messages
        return "deleted" if not asked else "unknown"
    says = _claim(claim.key, now, subject, threads.view)
    if says is None or (says.messages <= asked and says.until == claim.until):
        return "changed"
    return (
        "missing" if now.moment is None or _is_there(threads, claim.key, now.moment, subject) else "changed"
    )


def _is_there(threads: _Threads, key: str, moment: float, subject: Subject) -> bool:
    """Return whether the vendor has a conversation still, so that its messages were not deleted with it."""
    window = Window(moment_at(moment), moment_at(moment + 1))
    return key in threads.ground.asked(subject.query, window, subject.shape)
