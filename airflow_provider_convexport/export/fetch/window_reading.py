"""Decides by which field a vendor's window selects, and corrects that if a record disproves it."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import msgspec

from airflow_provider_convexport.errors import ConfigurationError, IncompleteExportError
from airflow_provider_convexport.export.fetch.window_evidence import WindowContradictedError
from airflow_provider_convexport.export.fetch.window_probe import Finding, probe

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_convexport.export.fetch.client import Client
    from airflow_provider_convexport.export.fetch.finding_storage import Findings
    from airflow_provider_convexport.export.fetch.stream import Query
    from airflow_provider_convexport.export.window import Window

T = TypeVar("T")

log = logging.getLogger(__name__)

_MAX_AGE = timedelta(days=30)
"""An older finding is established again, and kept if that does not succeed."""


@dataclass(frozen=True, slots=True)
class WindowReading:
    """What is known about the windows of one account's streams.

    :param client: Sends the requests of a probe; its budget names the account.
    :param findings: What was found out before.
    :param now: Returns the current time as epoch seconds.
    """

    client: Client
    findings: Findings
    now: Callable[[], float] = time.time

    def use(self, query: Query, interval: Window, action: Callable[[Query], T]) -> T:
        """Decide the query, and perform an action with it; perform it once more if a record disproves it.

        :param query: The query as the Dag states it.
        :param interval: The interval that is exported, where a probe looks for a record.
        :param action: What to do with the decided query.
        :raises ConfigurationError: if the Dag states another ``window_on`` than is proven.
        :raises IncompleteExportError: if records disprove every ``window_on``.
        """
        try:
            return action(self.decide(query, interval))
        except WindowContradictedError as error:
            corrected = self.correct(query, interval, error)
        log.warning(
            "The window of %s selects by %s; the export starts again with it.",
            query.stream.endpoint,
            corrected.window_on,
        )
        try:
            return action(corrected)
        except WindowContradictedError:
            raise self._undecidable(query) from None

    def decide(self, query: Query, interval: Window) -> Query:
        """Return the query with the ``window_on`` that was found out, if the stream's window is undecided.

        :raises ConfigurationError: if the Dag states another ``window_on``.
        """
        finding = self.finding(query, interval) if query.stream.window_undecided else None
        return query if finding is None else _decided(query, finding)

    def finding(self, query: Query, interval: Window) -> Finding | None:
        """Return what was found out; ``None`` if no record tells.

        A probe is made if nothing was found out yet, or only long ago.
        """
        name = self._name_of(query)
        known, now = self.findings.get(name), self.now()
        if known is not None and known.window_on not in ("", *query.stream.time_fields):
            known = None
        if known is not None and now - known.found_at < _MAX_AGE.total_seconds():
            return known
        finding = probe(self.client, query, interval, now=now)
        if finding is None:
            return known
        self.findings.put(name, finding)
        return finding

    def correct(self, query: Query, interval: Window, error: WindowContradictedError) -> Query:
        """Keep what a record has proven, and return the corrected query.

        If another record had proven the contrary, the window may select by neither field alone, or the vendor
        may have changed it, so only a probe can tell.

        :param query: The query as the Dag states it.
        :param interval: The interval that is exported, where a probe looks for a record.
        :raises ConfigurationError: if the Dag states another ``window_on``.
        :raises IncompleteExportError: if records disprove every ``window_on``.
        """
        if error.proven is None:
            raise self._undecidable(query) from None
        known = self.findings.get(self._name_of(query))
        if known is None or known.window_on in ("", error.proven):
            finding: Finding | None = Finding(error.proven, "page", self.now())
        else:
            finding = probe(self.client, query, interval, now=self.now())
        if finding is None:
            raise self._undecidable(query) from None
        if finding.evidence == "overlap" and known is not None:  # then what was exported so far is right
            finding = msgspec.structs.replace(finding, window_on=known.window_on)
        self.findings.put(self._name_of(query), finding)
        return _decided(query, finding)

    def _undecidable(self, query: Query) -> IncompleteExportError:
        self.findings.put(self._name_of(query), None)
        fields = " and others by their ".join(query.stream.time_fields)
        return IncompleteExportError(
            f"{query.stream.endpoint} sent records that are outside of the requested window by their "
            f"{fields}, so it is not known which records it leaves out; nothing was published, and the next "
            "try finds out again by which field the window selects."
        )

    def _name_of(self, query: Query) -> str:
        return f"{self.client.budget.account}:{query.stream.path}"


def _decided(query: Query, finding: Finding) -> Query:
    if finding.evidence == "overlap":
        is_stated = query.window_evidence == "explicit"
        window_on = query.window_on if is_stated else finding.window_on or query.window_on
        return replace(query, window_on=window_on, window_evidence=finding.evidence)
    if query.window_evidence == "explicit" and query.window_on != finding.window_on:
        raise ConfigurationError(
            f"window_on={query.window_on!r} is not what {query.stream.endpoint} selects by: a "
            f"{'record of an export' if finding.evidence == 'page' else 'probe'} has proven that it is "
            f"{finding.window_on}; leave window_on out, or write window_on={finding.window_on!r}."
        )
    return replace(query, window_on=finding.window_on, window_evidence=finding.evidence)
