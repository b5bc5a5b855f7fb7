"""What the three vendors' operators share: they read the context, wire the engine and return facts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NotRequired, TypedDict, get_args

from airflow.sdk import Asset, BaseOperator

from airflow_provider_convexport.compat import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSkipException,
    conf,
)
from airflow_provider_convexport.destination import store_at
from airflow_provider_convexport.errors import (
    ConfigurationError,
    IncompleteExportError,
    RateLimitedError,
    VendorRejectedError,
)
from airflow_provider_convexport.export.fetch.retention import kept_from
from airflow_provider_convexport.export.job import DEFAULT_TARGET_FILE_BYTES, Job, TaskTry
from airflow_provider_convexport.export.run import Export
from airflow_provider_convexport.export.stage.progress import Reporter
from airflow_provider_convexport.export.stage.tuning import Tuning
from airflow_provider_convexport.export.window import Window, iso
from airflow_provider_convexport.interval import interval_of
from airflow_provider_convexport.operators.telemetry import count_outcome, progress_writer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context, ObjectStoragePath

    from airflow_provider_convexport.export.dataset.compression import Compression
    from airflow_provider_convexport.export.dataset.partition import PartitionBy
    from airflow_provider_convexport.export.fetch.stream import Query
    from airflow_provider_convexport.export.outcome import Outcome
    from airflow_provider_convexport.hooks.base import ExportHook

OnUnsettled = Literal["wait", "fail", "export"]
OnExpired = Literal["fail", "clip", "export"]


class ExportFacts(TypedDict):
    """What ``execute`` returns, and what outlets' asset events carry as ``extra``."""

    vendor: str
    stream: str
    interval: list[str]
    records: int
    bytes: int
    requests: int
    manifests: list[str]
    unchanged: NotRequired[int]
    expired: NotRequired[list[str]]


class ExportOperator(BaseOperator):
    """Exports exactly the run's interval of one stream to object storage, each record once.

    A subclass adds its vendor's connection and arguments and implements `hook`. Killed, retried, re-run or
    backfilled, the outcome is the same: one complete version of each partition.

    :param destination: Root of the dataset (templated): any URL that ``ObjectStoragePath`` takes, such as
        ``s3://conn@bucket/raw/ada/conversations``, or a local path.
    :param destination_conn_id: Airflow connection of the storage (templated), unless the URL names it.
    :param stream: ``"conversations"`` or, where the vendor has them apart, ``"messages"``.
    :param window_on: Which of the stream's times decides; the vendor's time of creation by default.
    :param filters: The vendor's other query parameters (templated), checked against a list.
    :param interval_start: Explicit start, closed, ISO-8601 with zone (templated); with ``interval_end``.
    :param interval_end: Explicit end, open.
    :param period: Length of one period, for runs that name only an instant or a partition.
    :param partition_by: ``"day"``, ``"hour"`` or ``"interval"``.
    :param partition_timezone: IANA name of the zone whose days are meant by ``"day"``.
    :param compression: ``"gzip"``, ``"zstd"`` (extra ``zstd``) or ``"none"``.
    :param target_file_bytes: Compressed size in bytes at which a file is closed and the next one begun.
    :param page_size: Records per request; the vendor's best by default.
    :param request_window: Longest span of time asked for in one request; the vendor's best by default.
    :param concurrency: Request windows fetched at a time; the vendor's best by default.
    :param on_unsettled: What to do while the vendor may still add records to the interval: ``"wait"`` hands
        the slot back until it has settled, ``"fail"`` fails the try, ``"export"`` exports what is there.
    :param settle: How long after its end an interval settles; the vendor's lag by default.
    :param on_expired: What to do if the vendor no longer keeps the beginning of the interval: ``"fail"``,
        ``"clip"`` to export what is left, and skip the task if nothing is, or ``"export"`` to ask for all of
        it and let the vendor decide. Partitions that were published when it kept more stay as they are.
    :param skip_unchanged: Leave a partition as it is if its records are the same as before, in any order. A
        run that changes nothing sends no asset event: it ends as skipped if the task has outlets.
    :param add_partitions: Send one asset event for each partition that was written, with the partition's key
        (``2026-04-01`` for a day), which wakes partitioned Dags. Needs Airflow 3.3.
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
        """The vendor's hook for this task's connection."""
        raise NotImplementedError

    def execute(self, context: Context) -> ExportFacts:
        """Export the run's interval.

        :returns: A small dict of facts: vendor, stream, interval (two ISO-8601 strings), records, bytes,
            requests, manifests (URLs of those that were written). With ``skip_unchanged`` also unchanged (how
            many partitions stayed as they were), with a clipped interval also expired (two strings).
        :raises AirflowFailException: if the Dag, the connection or the vendor rules a success out.
        :raises AirflowRescheduleException: if the interval has not settled or the vendor asks for a long
            pause; progress is kept.
        :raises AirflowSkipException: if nothing changed and the task has outlets, or the vendor keeps nothing
            of the interval any more.
        :raises ConvExportError: if a retry may help.
        """
        try:
            return self._export(context)
        except (ConfigurationError, VendorRejectedError) as error:
            raise AirflowFailException(str(error)) from error
        except RateLimitedError as error:
            self.log.warning("%s The slot is handed back until then.", error)
            raise _reschedule(datetime.now(UTC) + error.retry_after) from error

    def _export(self, context: Context) -> ExportFacts:
        hook = self.hook
        job = self._job(context, hook)
        job.grid()  # refuses what cannot be cut, before anything is waited for
        outlets = self._asset_outlets(context)
        query = job.query
        self._wait_until_settled(job)
        job = self._without_what_expired(job)
        self.log.info("Exporting %s %s of %s.", query.stream.title, query.stream.name, job.interval)
        reporter = Reporter(show=progress_writer(context))
        store = store_at(self.destination, conn_id=self.destination_conn_id)
        outcome = Export(job, hook.client, store, reporter, self.tuning).run()
        usage = outcome.plan.usage
        self.log.info(
            "Exported %d records in %d files with %d requests; %.0f s were waited for the vendor's limits.",
            outcome.records,
            outcome.files,
            usage.requests,
            usage.throttled_seconds,
        )
        if outcome.unchanged:
            self.log.info("%d more partitions stay as they were.", outcome.unchanged)
        self._warn(outcome, query)
        count_outcome(outcome, stream=query.stream, seconds=reporter.seconds)
        facts = _facts(job, outcome)
        self._tell(context, outlets, facts, keys=[each.key for each in outcome.written])
        return facts

    def _job(self, context: Context, hook: ExportHook) -> Job:
        if self.target_file_bytes <= 0:
            raise ConfigurationError(f"target_file_bytes={self.target_file_bytes} is not above 0.")
        if self.concurrency is not None and self.concurrency < 1:
            raise ConfigurationError(f"concurrency={self.concurrency} is not at least 1.")
        interval = interval_of(
            context,
            interval_start=self.interval_start,
            interval_end=self.interval_end,
            period=self.period,
        )
        query = hook.query(
            stream=self.stream,
            window_on=self.window_on,
            filters=self.filters,
            page_size=self.page_size,
            request_window=self.request_window,
        )
        return Job(
            query=query,
            interval=interval,
            partition_by=self.partition_by,
            partition_timezone=self.partition_timezone,
            skip_unchanged=self.skip_unchanged,
            compression=self.compression,
            target_file_bytes=self.target_file_bytes,
            concurrency=self.concurrency,
            checkpoint_max_age=_checkpoint_max_age(),
            max_pause=self.max_pause,
            task=_task_instance(context, self),
        )

    def _wait_until_settled(self, job: Job) -> None:
        if self.on_unsettled not in get_args(OnUnsettled):
            raise ConfigurationError(
                f"on_unsettled={self.on_unsettled!r} is not one of {list(get_args(OnUnsettled))}."
            )
        settle = job.query.stream.settle if self.settle is None else self.settle
        settled = job.interval.end + settle
        if self.on_unsettled == "export" or settled <= datetime.now(UTC):
            return
        problem = (
            f"The interval {job.interval} settles at {iso(settled)}; until then "
            f"{job.query.stream.title} may still add records to it"
        )
        if self.on_unsettled == "fail":
            raise IncompleteExportError(
                f"{problem}. Nothing was exported; run later, or use on_unsettled='wait'."
            )
        self.log.info("%s. The slot is handed back until then.", problem)
        raise _reschedule(settled)

    def _without_what_expired(self, job: Job) -> Job:
        """Return the job without the part of its interval that the vendor no longer keeps."""
        if self.on_expired not in get_args(OnExpired):
            raise ConfigurationError(
                f"on_expired={self.on_expired!r} is not one of {list(get_args(OnExpired))}."
            )
        stream, now = job.query.stream, datetime.now(UTC)
        begin = kept_from(job.interval, stream, now)
        if begin is None or stream.history is None or self.on_expired == "export":
            return job
        problem = (
            f"{stream.title} keeps {stream.name} for {stream.history.days} days, so of the interval "
            f"{job.interval} it no longer has"
        )
        if self.on_expired == "fail":
            raise ConfigurationError(
                f"{problem} what lies before {iso(now.replace(microsecond=0) - stream.history)}. Begin "
                "later, or use on_expired='clip' to export what is left."
            )
        if begin >= job.interval.end:
            raise AirflowSkipException(f"{problem} anything, and nothing was exported.")
        self.log.warning("%s what lies before %s; only the rest is exported.", problem, iso(begin))
        return replace(job, kept_from=begin)

    def _warn(self, outcome: Outcome, query: Query) -> None:
        counts = outcome.plan.counts
        if counts.kept_outside:
            self.log.warning(
                "%d records lie outside the interval by their own %s; they were kept, in the nearest "
                "partition, because %s does not say which field its window filters.",
                counts.kept_outside,
                query.stream.time_fields[query.window_on],
                query.stream.title,
            )
        if counts.undated:
            self.log.warning(
                "%d records have no %s that can be read; they were kept, in the partition of their request.",
                counts.undated,
                query.stream.time_fields[query.window_on],
            )
        if not outcome.records and query.scope:
            self.log.warning("There are no records; check that %s is right.", dict(query.scope))

    def _tell(
        self, context: Context, outlets: Sequence[Asset], facts: ExportFacts, *, keys: list[str]
    ) -> None:
        if outlets and not keys:
            raise AirflowSkipException(
                f"No partition of {'..'.join(facts['interval'])} has changed, so all stay as they were and "
                "no asset event is sent."
            )
        for outlet in outlets:
            event: Any = context["outlet_events"][outlet]
            event.extra.update(facts)
            if self.add_partitions:
                event.add_partitions(keys)

    def _asset_outlets(self, context: Context) -> list[Asset]:
        """Return the assets that events are sent for, after a look whether they can be sent as asked."""
        outlets = [outlet for outlet in self.outlets or () if isinstance(outlet, Asset)]
        if not self.add_partitions:
            return outlets
        if not outlets:
            raise ConfigurationError("add_partitions=True needs an asset; pass outlets=[Asset(...)].")
        if not hasattr(context["outlet_events"][outlets[0]], "add_partitions"):
            raise ConfigurationError(
                "add_partitions=True needs Airflow 3.3 or newer; leave it out to send one event per run."
            )
        return outlets


def _checkpoint_max_age() -> timedelta:
    return timedelta(seconds=conf.getint("convexport", "checkpoint_max_age", fallback=86_400))


def _reschedule(moment: datetime) -> AirflowRescheduleException:
    """Return the exception that frees the slot until ``moment`` without using up a retry."""
    return AirflowRescheduleException(moment)  # type: ignore[no-untyped-call]


def _task_instance(context: Context, operator: BaseOperator) -> TaskTry:
    task_instance: Any = context.get("ti")
    run_id = context.get("run_id") or getattr(context.get("dag_run"), "run_id", None)
    return TaskTry(
        dag_id=str(getattr(task_instance, "dag_id", "") or _dag_id(operator)),
        task_id=operator.task_id,
        run_id=str(run_id or getattr(task_instance, "run_id", "") or ""),
        map_index=_integer(getattr(task_instance, "map_index", None), default=-1),
        try_number=_integer(getattr(task_instance, "try_number", None), default=1),
    )


def _dag_id(operator: BaseOperator) -> str:
    return operator.dag_id if operator.has_dag() else ""  # type: ignore[no-untyped-call]


def _integer(value: Any, *, default: int) -> int:
    return value if isinstance(value, int) else default


def _facts(job: Job, outcome: Outcome) -> ExportFacts:
    stream = job.query.stream
    facts = ExportFacts(
        vendor=stream.vendor,
        stream=stream.name,
        interval=_texts(job.interval),
        records=outcome.records,
        bytes=outcome.bytes,
        requests=outcome.plan.usage.requests,
        manifests=[each.url for each in outcome.written],
    )
    if job.skip_unchanged:
        facts["unchanged"] = outcome.unchanged
    if job.kept_from is not None:
        facts["expired"] = _texts(Window(job.interval.start, job.kept_from))
    return facts


def _texts(window: Window) -> list[str]:
    return [iso(window.start), iso(window.end)]
