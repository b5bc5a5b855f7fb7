"""Audits what exports have published: compares it with the vendor's own second views."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from airflow.sdk import ObjectStoragePath

from airflow_provider_convexport.audit.report import (
    FAILED_AUDIT_KEY,
    AuditFacts,
    event_audit,
    sentence_of,
    summary_of,
)
from airflow_provider_convexport.audit.run import AuditOutcome, AuditRun
from airflow_provider_convexport.audit.sample import DEFAULT_SHARE, check_share
from airflow_provider_convexport.compat import AirflowSkipException
from airflow_provider_convexport.destination import store_at
from airflow_provider_convexport.errors import ConfigurationError, GapsFoundError, IncompleteExportError
from airflow_provider_convexport.export.dataset.reader import plain_url
from airflow_provider_convexport.hooks.by_connection import hook_at
from airflow_provider_convexport.interval import interval_of
from airflow_provider_convexport.log_lines import in_lines
from airflow_provider_convexport.operators.asset_events import AssetEvents
from airflow_provider_convexport.operators.task_identity import task_of
from airflow_provider_convexport.operators.trace import trace_of_audit, with_audit
from airflow_provider_convexport.operators.traceable import TraceableOperator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from airflow.sdk import Context

    from airflow_provider_convexport.export.dataset.store import Store
    from airflow_provider_convexport.export.window import Window

log = logging.getLogger(__name__)

OnGap = Literal["warn", "fail"]
Place = str | ObjectStoragePath

_KILLED = "The task was told to end by SIGTERM, so the audit stopped; what it has written stays."
_TIMED_OUT = (
    "The task reached its execution_timeout, so the audit stopped; what it has written stays. If this "
    "repeats, raise execution_timeout, or audit fewer days with share=."
)


class ExportAuditOperator(TraceableOperator):
    """Compares published partitions of one dataset with what the vendor says of the same time.

    One operator serves all vendors: the connection's type says which one it is. It audits a share of the
    days of the run's interval, within the vendor's limits, and writes what it finds as ``_audit.json`` beside
    each manifest, to the log, and to the asset events of its outlets. It changes no published record.

    :param conn_id: Airflow connection to the vendor (templated).
    :param destination: The dataset (templated): what the export operator has as ``destination``.
    :param destination_conn_id: Airflow connection of the storage (templated), unless the URL names it; also
        that of ``beside``.
    :param beside: Destinations of the vendor's other stream (templated), one or a list: the messages beside
        conversations, or the conversations beside messages. Without it, the checks that need both are left
        out.
    :param scope: Shop or bot in place of the connection's (templated), such as ``{"bot_name": "support"}``.
    :param share: The share of the interval's UTC days that is audited, above 0 and up to 1; at least one day,
        and the same days whenever the same interval is audited.
    :param on_gap: ``"warn"`` says in the log which partitions have gaps and sends the asset events;
        ``"fail"`` fails the task without retry after everything was audited; Airflow then sends no event, and
        the coverage page reads the XCom ``convexport_failed_audit`` instead.
    :param interval_start: Explicit start, closed, a datetime or ISO-8601 text with a time zone (templated);
        given together with ``interval_end``.
    :param interval_end: Explicit end, open (templated).
    :param period: Length of one period, for runs that name only an instant or a partition.
    :param lookback: Audit the time of this length before the run's interval, instead of it.
    """

    template_fields: Sequence[str] = (
        "conn_id",
        "destination",
        "destination_conn_id",
        "beside",
        "scope",
        "interval_start",
        "interval_end",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"scope": "json"}
    ui_color = "#e3f0e0"
    killed: ClassVar[str] = _KILLED
    timed_out: ClassVar[str] = _TIMED_OUT

    def __init__(
        self,
        *,
        conn_id: str,
        destination: Place,
        destination_conn_id: str | None = None,
        beside: Place | Sequence[Place] = (),
        scope: Mapping[str, str] | None = None,
        share: float = DEFAULT_SHARE,
        on_gap: OnGap = "warn",
        interval_start: datetime | str | None = None,
        interval_end: datetime | str | None = None,
        period: timedelta | None = None,
        lookback: timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id
        self.destination = destination
        self.destination_conn_id = destination_conn_id
        self.beside = beside
        self.scope = scope
        self.share = share
        self.on_gap = on_gap
        self.interval_start = interval_start
        self.interval_end = interval_end
        self.period = period
        self.lookback = lookback

    def execute(self, context: Context) -> AuditFacts:
        """Audit the run's interval.

        Arguments are checked before anything is read, and before the first request.

        :returns: The facts of the audit, which the assets' events carry, too.
        :raises AirflowFailException: if the Dag, the connection or a published file is wrong, or there are
            gaps and ``on_gap`` is ``"fail"``; there is no retry.
        :raises AirflowRescheduleException: if the vendor asks for a long pause; what is audited stays.
        :raises AirflowSkipException: if no partition of the interval can be audited.
        :raises IncompleteExportError: if nothing of the interval is published.
        :raises ConvExportError: if a retry may help.
        """
        return self._until_ended(lambda: self._audit(context))

    def _audit(self, context: Context) -> AuditFacts:
        if self.on_gap not in get_args(OnGap):
            raise ConfigurationError(
                f"on_gap={self.on_gap!r} is not one of {list(get_args(OnGap))}; write one of these."
            )
        share = check_share(self.share)
        interval = interval_of(
            context,
            interval_start=self.interval_start,
            interval_end=self.interval_end,
            period=self.period,
            lookback=self.lookback,
        )
        events = AssetEvents.of(context, self.outlets or (), add_partitions=False)
        store = store_at(self.destination, conn_id=self.destination_conn_id)
        beside = [store_at(each, conn_id=self.destination_conn_id) for each in self._places_beside()]
        hook = hook_at(self.conn_id, self.scope)
        run = AuditRun(
            hook, [store], interval, share, beside=beside, task=task_of(context, self), is_single=True
        )

        self.log.info("Auditing %s.", interval)
        self.trace = trace_of_audit(store, interval)
        outcome = run.run()
        self.trace = with_audit(self.trace, outcome, fails=self.on_gap == "fail")
        facts = self._told(outcome, interval, store)
        if outcome.gaps and self.on_gap == "fail":
            if events.outlets:  # as of a task that succeeds, the coverage page shows it only then
                context["ti"].xcom_push(key=FAILED_AUDIT_KEY, value=facts)
            raise GapsFoundError(f"{summary_of(outcome)} The lines above say which partitions.")
        for outlet in events.outlets:
            events.events[outlet].extra.update(facts)
        return facts

    def _told(self, outcome: AuditOutcome, interval: Window, store: Store) -> AuditFacts:
        """Log what was found, and return it."""
        if not outcome.published:
            raise IncompleteExportError(
                f"Nothing of {interval} is published under {store.url} for this connection and scope; export "
                "it first."
            )
        for each in outcome.audited:
            level = logging.INFO if each.audit.ok and not each.audit.warnings else logging.WARNING
            log.log(level, "%s", in_lines(sentence_of(each)))
        summary = summary_of(outcome)
        log.info("%s", in_lines(summary))
        if not outcome.audited:
            raise AirflowSkipException(summary)
        return _facts(outcome, store)

    def _places_beside(self) -> list[Place]:
        beside = self.beside
        given = [beside] if isinstance(beside, (str, ObjectStoragePath)) else beside
        if not isinstance(given, Iterable) or isinstance(given, (bytes, Mapping)):
            raise ConfigurationError(
                f"beside={beside!r} names no destination; write the destination of an export, or a list."
            )
        return list(given)


def _facts(outcome: AuditOutcome, store: Store) -> AuditFacts:
    """Return the facts of an audit of one dataset."""
    manifest = outcome.audited[0].partition.manifest
    return AuditFacts(
        vendor=manifest.vendor,
        stream=manifest.stream,
        scope=manifest.scope,
        dataset=plain_url(store.url).rstrip("/"),
        audit=event_audit(outcome.audited),
    )
