"""A whole audit: chooses partitions, checks each of them, and writes what was found beside its manifest."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from msgspec import UNSET

from airflow_provider_convexport.audit.conversations import check_conversations
from airflow_provider_convexport.audit.findings import (
    AUDIT,
    FORMAT_VERSION,
    GAPS,
    Audit,
    Findings,
    read_audit,
)
from airflow_provider_convexport.audit.ground import Ground
from airflow_provider_convexport.audit.listings import check_listing
from airflow_provider_convexport.audit.messages import check_messages, facts_needed
from airflow_provider_convexport.audit.sample import sampled_days
from airflow_provider_convexport.audit.second_views import ConversationOf, Listing, MessagesOf
from airflow_provider_convexport.audit.subject import check_content, check_edges, check_volume, read_again
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.dataset.folders import dataset_of
from airflow_provider_convexport.export.dataset.manifest import read_manifest
from airflow_provider_convexport.export.dataset.reader import partitions_in
from airflow_provider_convexport.export.fetch.availability import settles_at
from airflow_provider_convexport.export.fetch.window_evidence import WindowContradictedError
from airflow_provider_convexport.export.job import TaskTry
from airflow_provider_convexport.export.window import Window, iso, utc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from airflow_provider_convexport.audit.ground import Account
    from airflow_provider_convexport.audit.second_views import SecondView
    from airflow_provider_convexport.export.dataset.reader import PublishedPartition
    from airflow_provider_convexport.export.dataset.store import Store
    from airflow_provider_convexport.export.fetch.stream import Query

log = logging.getLogger(__name__)

_BEFORE, _AFTER = timedelta(days=61), timedelta(days=32)
"""How far before and after the audited range manifests are read, for the checks that need neighbours."""
_TRIES = 3


class Audited(NamedTuple):
    """A partition and its audit."""

    partition: PublishedPartition
    audit: Audit


@dataclass(slots=True)
class AuditOutcome:
    """The result of a whole audit.

    :param audited: The partitions that were audited, by start.
    :param published: Number of partitions of the range.
    :param not_sampled: Number of those that are left to other audits.
    :param unsettled: Number of those to which the vendor may still add records.
    :param expired: Number of those that the vendor no longer keeps entirely.
    :param replaced: Number of those that were replaced again and again while they were audited.
    """

    audited: list[Audited] = field(default_factory=list)
    published: int = 0
    not_sampled: int = 0
    unsettled: int = 0
    expired: int = 0
    replaced: int = 0

    @property
    def gaps(self) -> int:
        """Number of records that should be published and are not."""
        return sum(each.audit.gaps for each in self.audited)


@dataclass(frozen=True, slots=True)
class AuditRun:
    """Audits the published partitions of one account.

    :param account: The vendor's hook.
    :param stores: The destinations whose partitions are audited, or folders above them.
    :param beside: Further destinations that the checks read: the vendor's other streams.
    :param window: The range; a partition belongs to it if it overlaps it.
    :param share: The share of its days that is audited; see `sampled_days`.
    :param is_single: Whether the stores may hold one dataset of the account's scope only.
    :param task: The task that audits; without a run for an audit by hand.
    :param now: Returns the current time in epoch seconds.
    :param begin: Called with the number of partitions before they are audited.
    :param advance: Called after each of them.
    """

    account: Account
    stores: Sequence[Store]
    window: Window
    share: float
    beside: Sequence[Store] = ()
    is_single: bool = False
    task: TaskTry = field(default_factory=TaskTry)
    now: Callable[[], float] = time.time
    begin: Callable[[int], None] = lambda _total: None
    advance: Callable[[], None] = lambda: None

    def run(self) -> AuditOutcome:
        """Audit and write the results.

        What this try has audited already, before it was rescheduled, is not audited again.

        :raises ConfigurationError: if partitions are those of another account, there is more than one dataset
            and may not be, or a published file is damaged.
        :raises ConvExportError: if the vendor or the store does not answer properly.
        """
        now = datetime.fromtimestamp(self.now(), UTC).replace(microsecond=0)
        own = self._partitions(self.stores)
        self._check_datasets(own)
        known = {each.url: each for each in [*own, *self._partitions(self.beside)]}
        ground = Ground(self.account, list(known.values()), now)
        outcome = AuditOutcome()
        chosen = list(self._chosen(own, outcome, ground))
        self.begin(len(chosen))
        for partition in chosen:
            audit = self._kept_or_new(ground, partition)
            if audit is None:
                outcome.replaced += 1
            else:
                outcome.audited.append(Audited(partition, audit))
            self.advance()
        return outcome

    def _partitions(self, stores: Iterable[Store]) -> list[PublishedPartition]:
        """Return the account's partitions around the range, without those of tables."""
        start, end = _shifted(self.window.start, -_BEFORE), _shifted(self.window.end, _AFTER)
        found = []
        for store in stores:
            for each in partitions_in(store, start, end, self.account.scope()):
                vendor = next(iter(self.account.streams.values())).vendor
                if each.manifest.vendor == vendor and each.manifest.table is UNSET:
                    found.append(each)
        return found

    def _check_datasets(self, partitions: Iterable[PublishedPartition]) -> None:
        datasets = sorted({dataset_of(each.url) for each in partitions})
        if self.is_single and len(datasets) > 1:
            raise ConfigurationError(
                f"The destination holds several datasets of this scope: {', '.join(datasets)}; name one of "
                "them, and the others with beside=."
            )

    def _chosen(
        self, partitions: Iterable[PublishedPartition], outcome: AuditOutcome, ground: Ground
    ) -> Iterator[PublishedPartition]:
        days = sampled_days(self.window, self.share)
        for each in sorted(partitions, key=lambda one: (one.manifest.partition.window, one.folder)):
            span = each.manifest.partition.window
            if not (span.start < self.window.end and self.window.start < span.end):
                continue
            query = self._query(each)
            outcome.published += 1
            if max(span.start, self.window.start).date() not in days:
                outcome.not_sampled += 1
            elif settles_at(each.manifest.covers, query.stream) > ground.now:
                outcome.unsettled += 1
            elif not ground.is_kept(each.manifest.covers, query.stream):
                outcome.expired += 1
            else:
                yield each

    def _query(self, partition: PublishedPartition) -> Query:
        """Return the query that exported a partition.

        :raises ConfigurationError: if it was exported from another account.
        """
        manifest = partition.manifest
        query = self.account.query(
            stream=manifest.stream, window_on=manifest.window_on, filters=manifest.filters
        )
        if manifest.account not in (UNSET, query.account):
            raise ConfigurationError(
                f"{partition.url} was exported from the account {manifest.account!r}, but the connection "
                f"{self.account.http_conn_id} is to {query.account!r}; name the connection of that account."
            )
        return query

    def _kept_or_new(self, ground: Ground, partition: PublishedPartition) -> Audit | None:
        """Return the audit of a partition; ``None`` if it is replaced again and again meanwhile."""
        audit = read_audit(partition.store, partition.folder)
        if audit is not None and audit.is_by(self.task) and audit.commit == partition.manifest.commit:
            return audit
        for _ in range(_TRIES):
            audit = self._audit(ground, partition)
            there = read_manifest(partition.store, partition.folder)
            if there is not None and there.commit == partition.manifest.commit:
                partition.store.put(f"{partition.folder}/{AUDIT}", audit.encode())
                return audit
            if there is None:
                return None
            partition = partition.again()
        return None

    def _audit(self, ground: Ground, partition: PublishedPartition) -> Audit:
        findings, before = Findings(), self.account.client.usage.requests
        try:
            self._check(ground, partition, findings)
        except WindowContradictedError:
            findings.begin("content", partition.manifest.records)
            findings.note("content", "all", "unknown")
            findings.warnings.append(
                f"The vendor's window no longer selects by {partition.manifest.window_on}, by which "
                f"{partition.url} was exported; export it again."
            )
        gaps = findings.count(*GAPS)
        return Audit(
            format_version=FORMAT_VERSION,
            commit=partition.manifest.commit,
            audited_at=iso(datetime.fromtimestamp(self.now(), UTC).replace(microsecond=0)),
            ok=gaps == 0,
            gaps=gaps,
            changed=findings.count("changed"),
            deleted=findings.count("deleted"),
            unknown=findings.count("unknown"),
            checks=findings.checks,
            warnings=findings.warnings,
            requests=self.account.client.usage.requests - before,
            dag_id=self.task.dag_id,
            task_id=self.task.task_id,
            run_id=self.task.run_id,
            map_index=self.task.map_index,
            try_number=self.task.try_number,
        )

    def _check(self, ground: Ground, partition: PublishedPartition, findings: Findings) -> None:
        query = self._query(partition)
        views = ground.views_of(query.stream.name)
        subject = read_again(ground, partition, query, _facts(views))
        check_content(subject, findings)
        check_edges(ground, subject, findings)
        check_volume(ground, subject, findings)
        for view in views:
            if isinstance(view, Listing):
                check_listing(ground, subject, view, findings)
            elif isinstance(view, MessagesOf):
                check_messages(ground, subject, view, findings)
            else:
                check_conversations(ground, subject, view, findings)


def _facts(views: Iterable[SecondView]) -> tuple[str, ...]:
    """Return the members of a record that its second views need, each once."""
    needed: list[str] = []
    for view in views:
        if isinstance(view, MessagesOf):
            needed += facts_needed(view)
        elif isinstance(view, ConversationOf):
            needed.append(view.conversation_field)
    return tuple(dict.fromkeys(needed))


def _shifted(moment: datetime, by: timedelta) -> datetime:
    """Return a moment some time later, or the first or last one that there is."""
    try:
        return utc(moment + by)
    except OverflowError:
        return moment
