"""What the vendors' operators have in common: their arguments, and the order in which an export is done."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_convexport.destination import store_at
from airflow_provider_convexport.errors import ExpiredError
from airflow_provider_convexport.export.fetch.interval_policy import IntervalPolicy
from airflow_provider_convexport.export.job import DEFAULT_TARGET_FILE_BYTES, Job
from airflow_provider_convexport.export.publish.compose import check_available
from airflow_provider_convexport.export.run import Export, published_before
from airflow_provider_convexport.export.stage.progress import Reporter
from airflow_provider_convexport.export.stage.tuning import Tuning
from airflow_provider_convexport.interval import interval_of
from airflow_provider_convexport.log_lines import in_lines
from airflow_provider_convexport.operators.asset_events import AssetEvents, ExportFacts, facts_of
from airflow_provider_convexport.operators.checkpoint_age import checkpoint_max_age
from airflow_provider_convexport.operators.published_days import day_facts
from airflow_provider_convexport.operators.summary import log_outcome
from airflow_provider_convexport.operators.task_identity import task_of
from airflow_provider_convexport.operators.telemetry import count_outcome, progress_writer
from airflow_provider_convexport.operators.trace import trace_of_export, with_outcome
from airflow_provider_convexport.operators.traceable import TraceableOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from airflow.sdk import Context, ObjectStoragePath

    from airflow_provider_convexport.export.dataset.compression import Compression
    from airflow_provider_convexport.export.dataset.partition import PartitionBy
    from airflow_provider_convexport.export.dataset.store import Store
    from airflow_provider_convexport.export.fetch.interval_policy import OnExpired, OnUnsettled
    from airflow_provider_convexport.export.outcome import Outcome
    from airflow_provider_convexport.hooks.base import ExportHook
    from airflow_provider_convexport.operators.trace import Trace

_KILLED = (
    "The task was told to end by SIGTERM, so the export stopped; progress is kept, and the next try "
    "continues."
)
_TIMED_OUT = (
    "The task reached its execution_timeout, so the export stopped; progress is kept, and the next try "
    "continues. If this repeats, raise execution_timeout or export shorter intervals."
)


class ExportOperator(TraceableOperator):
    """Exports exactly the run's interval of one stream to object storage, each record once.

    A subclass adds its vendor's connection and arguments and implements `hook`. Whether a run is killed,
    retried, re-run or backfilled, it leaves one complete version of each partition.

    :param destination: Root of the dataset (templated): any URL that ``ObjectStoragePath`` takes, such as
        ``s3://conn@bucket/raw/ada/conversations``, or an absolute local path.
    :param destination_conn_id: Airflow connection of the storage (templated), unless the URL names it.
    :param stream: ``"conversations"``, or ``"messages"`` if the vendor exports messages separately.
    :param window_on: Which of a record's times decides whether it lies in the interval; by default the
        vendor's time of creation, or the proven one if the vendor does not say by which its window selects.
    :param filters: The vendor's other query parameters (templated); only known names are accepted.
    :param interval_start: Explicit start, closed, a datetime or ISO-8601 text with a time zone (templated);
        given together with ``interval_end``.
    :param interval_end: Explicit end, open (templated).
    :param period: Length of one period, for runs that name only an instant or a partition.
    :param lookback: Export the time of this length before the run's interval, instead of it: with
        ``timedelta(days=7)`` a daily run exports the seven days before its day again.
    :param partition_by: ``"day"``, ``"hour"`` or ``"interval"``.
    :param partition_timezone: IANA name of the time zone in which a ``"day"`` begins and ends.
    :param compression: ``"gzip"``, ``"zstd"`` (extra ``zstd``) or ``"none"``.
    :param target_file_bytes: Compressed size in bytes at which a file is closed and the next one begun.
    :param page_size: Records per request; by default the size that suits the vendor best.
    :param request_window: Longest span of time asked for in one request; by default the span that suits the
        vendor best.
    :param concurrency: Number of request windows fetched concurrently; by default the number that suits the
        vendor best.
    :param on_unsettled: What to do while the vendor may still add records to the interval: ``"wait"`` hands
        the slot back until it has settled, ``"fail"`` fails the try, ``"export"`` exports what is there.
    :param settle: How long after its end an interval settles, zero or more; by default the vendor's lag.
    :param on_expired: What to do if the vendor no longer keeps the beginning of the interval: ``"fail"``
        fails without retry; ``"clip"`` exports what is left, or skips the task if nothing is left;
        ``"export"`` asks for the whole interval and lets the vendor decide. With ``"clip"``, partitions that
        were published when the vendor kept more stay as they are.
    :param skip_unchanged: Leave a partition as it is if its records are the same as before, in any order. A
        run that changes nothing sends no asset event: it ends as skipped if the task has outlets.
    :param add_partitions: Send one asset event for each partition that was written, with the partition's key
        (``2026-04-01`` for a day), which triggers partitioned Dags. Needs Airflow 3.3.
    :param max_pause: Longest time in total that the vendor may ask this task to pause for. Pauses of more
        than two minutes are handed back to the scheduler and use no retry.
    """

    template_fields: Sequence[str] = (
        "destination",
        "destination_conn_id",
        "filters",
        "interval_start",
        "interval_end",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"filters": "json"}
    ui_color = "#dceeff"
    tuning: ClassVar[Tuning] = Tuning()
    killed: ClassVar[str] = _KILLED
    timed_out: ClassVar[str] = _TIMED_OUT

    def __init__(
        self,
        *,
        destination: str | ObjectStoragePath,
        destination_conn_id: str | None = None,
        stream: str = "conversations",
        window_on: str | None = None,
        filters: Mapping[str, Any] | None = None,
        interval_start: datetime | str | None = None,
        interval_end: datetime | str | None = None,
        period: timedelta | None = None,
        lookback: timedelta | None = None,
        partition_by: PartitionBy = "day",
        partition_timezone: str = "UTC",
        compression: Compression = "gzip",
        target_file_bytes: int = DEFAULT_TARGET_FILE_BYTES,
        page_size: int | None = None,
        request_window: timedelta | None = None,
        concurrency: int | None = None,
        on_unsettled: OnUnsettled = "wait",
        settle: timedelta | None = None,
        on_expired: OnExpired = "fail",
        skip_unchanged: bool = False,
        add_partitions: bool = False,
        max_pause: timedelta = timedelta(days=2),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.destination = destination
        self.destination_conn_id = destination_conn_id
        self.stream = stream
        self.window_on = window_on
        self.filters = filters
        self.interval_start = interval_start
        self.interval_end = interval_end
        self.period = period
        self.lookback = lookback
        self.partition_by = partition_by
        self.partition_timezone = partition_timezone
        self.compression = compression
        self.target_file_bytes = target_file_bytes
        self.page_size = page_size
        self.request_window = request_window
        self.concurrency = concurrency
        self.on_unsettled = on_unsettled
        self.settle = settle
        self.on_expired = on_expired
        self.skip_unchanged = skip_unchanged
        self.add_partitions = add_partitions
        self.max_pause = max_pause

    @property
    def hook(self) -> ExportHook:
        """The vendor's hook for this task's connection; each subclass has its own."""
        raise NotImplementedError

    def execute(self, context: Context) -> ExportFacts:
        """Export the run's interval.

        Arguments are checked before anything is waited for and before the first request.

        :returns: The facts of the export; the assets' events carry them, too, with a line for each day.
        :raises AirflowFailException: if the Dag or the connection is wrong, or the vendor refuses for good;
            Airflow does not retry.
        :raises AirflowRescheduleException: if the interval has not settled or the vendor asks for a long
            pause; progress is kept, and no retry is used up.
        :raises AirflowSkipException: if nothing changed and the task has outlets, or the vendor no longer
            keeps anything of the interval.
        :raises ExportTimeoutError: if the task reaches its ``execution_timeout``; a retry continues.
        :raises ConvExportError: if a retry may help.
        """
        return self._until_ended(lambda: self._export(context))

    def _export(self, context: Context) -> ExportFacts:
        hook, self.trace = self.hook, None
        job = self._job(context, hook)
        policy = IntervalPolicy(self.on_unsettled, self.settle, self.on_expired)
        events = AssetEvents.of(context, self.outlets or (), add_partitions=self.add_partitions)
        store = store_at(self.destination, conn_id=self.destination_conn_id)
        client, stream = hook.client, job.query.stream
        self.trace = trace_of_export(job, hook.settings.base_url, store)

        policy.require_settled(job.interval, stream)
        try:
            job = replace(job, kept_from=policy.kept_from(job.interval, stream))
        except ExpiredError as expired:
            return self._tell_of_earlier_tries(job, store, events, expired, self.trace)

        self.log.info("Exporting %s %s of %s.", stream.title, stream.name, job.interval)
        reporter = Reporter(show=progress_writer(context))
        export = Export(job, client, store, reporter, self.tuning)
        job, outcome = export.run_decided(hook.window_reading)

        self.trace = with_outcome(self.trace, store, outcome)
        reporter.finish(outcome.plan.counts.records, outcome.plan.usage)
        facts = facts_of(job, outcome)
        count_outcome(outcome, stream=stream, seconds=reporter.seconds)
        log_outcome(job, outcome, url=store.url)
        self._send(events, job, outcome, store, facts)
        return facts

    def _tell_of_earlier_tries(
        self, job: Job, store: Store, events: AssetEvents, expired: ExpiredError, trace: Trace
    ) -> ExportFacts:
        """Send the events of what earlier tries published before the vendor dropped the rest.

        :raises ExpiredError: if they published nothing.
        """
        outcome = published_before(job, store)
        if outcome is None:
            raise expired
        earlier = f"{expired} Earlier tries of this task published {outcome.kept} partitions."
        self.log.warning("%s", in_lines(earlier))
        self.trace = with_outcome(trace, store, outcome)
        facts = facts_of(job, outcome)
        self._send(events, job, outcome, store, facts)
        return facts

    def _send(
        self, events: AssetEvents, job: Job, outcome: Outcome, store: Store, facts: ExportFacts
    ) -> None:
        days = day_facts(job, outcome, url=store.url, settle=self.settle)
        events.send({**facts, **days}, keys=[each.key for each in outcome.written])

    def _job(self, context: Context, hook: ExportHook) -> Job:
        """Return the job, whose arguments are all checked.

        :raises ConfigurationError: if one of them is wrong.
        """
        job = Job(
            query=hook.query(
                stream=self.stream,
                window_on=self.window_on,
                filters=self.filters,
                page_size=self.page_size,
                request_window=self.request_window,
            ),
            interval=interval_of(
                context,
                interval_start=self.interval_start,
                interval_end=self.interval_end,
                period=self.period,
                lookback=self.lookback,
            ),
            partition_by=self.partition_by,
            partition_timezone=self.partition_timezone,
            skip_unchanged=self.skip_unchanged,
            compression=self.compression,
            target_file_bytes=self.target_file_bytes,
            concurrency=self.concurrency,
            checkpoint_max_age=checkpoint_max_age(),
            max_pause=self.max_pause,
            task=task_of(context, self),
        )
        job.grid()
        check_available(job.compression)
        return job
