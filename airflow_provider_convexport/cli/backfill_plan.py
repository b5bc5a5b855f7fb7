"""Plans a backfill: its runs, and the minimum number of requests and the minimum time that they take.

Sends no request to a vendor. With a destination it reads the manifests there, to leave out what is published.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from airflow_provider_convexport.cli.coverage import read_coverage
from airflow_provider_convexport.cli.progress import NO_PROGRESS
from airflow_provider_convexport.cli.window_sets import clip_to, gaps, minus, overlaps, union
from airflow_provider_convexport.cli.words import named_values
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.fetch.availability import kept_from, settles_at
from airflow_provider_convexport.export.fetch.stream import Query
from airflow_provider_convexport.export.window import Window, iso
from airflow_provider_convexport.hooks.base import window_between
from airflow_provider_convexport.hooks.vendors import hook_of, stream_of
from airflow_provider_convexport.timetables.export_window import ExportWindowTimetable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_provider_convexport.cli.datasets import Dataset
    from airflow_provider_convexport.cli.progress import Progress
    from airflow_provider_convexport.export.dataset.store import Store
    from airflow_provider_convexport.export.fetch.limit import Limit
    from airflow_provider_convexport.export.fetch.stream import Stream
    from airflow_provider_convexport.hooks.base import ExportHook

State = Literal["to export", "published", "expired", "not settled"]

_DAY = timedelta(days=1)
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run of the backfill.

    :param window: The run's data interval.
    :param state: ``"to export"``; ``"published"`` if it is already; ``"expired"`` if the vendor no longer
        keeps any of it; ``"not settled"`` if it has not ended, or ended so recently that the vendor may still
        add records.
    :param kept: The part that the vendor still keeps; ``None`` if it keeps all of it, or none of it.
    :param requests: The minimum number of requests that export it: one for each request window.
    :param lost: The part that the vendor no longer keeps, published or not; ``None`` if it keeps all of it.
    :param repeat_requests: The minimum number of requests if the run is done, even if it need not be.
    """

    window: Window
    state: State
    kept: Window | None
    requests: int
    lost: Window | None = None
    repeat_requests: int = 0


@dataclass(frozen=True, slots=True)
class BackfillPlan:
    """A backfill of one stream.

    :param hook: The vendor's hook class.
    :param stream: The stream.
    :param asked: The range of time that was asked for, half-open.
    :param runs: The runs whose data intervals cover that range, in order of time.
    :param dag_id: The Dag whose runs these are.
    :param request_window: Maximum span of time per request.
    :param timetable: The schedule that the runs come from; ``None`` if it is of another kind.
    :param published: The parts of `span` that are published; ``None`` if no destination was read.
    :param overlaps: The parts of `span` that lie in more than one published partition.
    """

    hook: type[ExportHook]
    stream: Stream
    asked: Window
    runs: tuple[PlannedRun, ...]
    dag_id: str
    request_window: timedelta
    timetable: ExportWindowTimetable | None = None
    published: tuple[Window, ...] | None = None
    overlaps: tuple[Window, ...] = ()

    @property
    def span(self) -> Window:
        """From the first run's start to the last run's end; contains the range asked for."""
        return Window(self.runs[0].window.start, self.runs[-1].window.end)

    @property
    def to_export(self) -> list[PlannedRun]:
        """The runs that have something to export."""
        return [run for run in self.runs if run.state == "to export"]

    @property
    def requests(self) -> int:
        """The number of requests if the records of each request window fit on one page; the minimum."""
        return sum(run.requests for run in self.to_export)

    @property
    def daily_requests(self) -> int:
        """The minimum number of requests if each day were a run of its own."""
        per_day = math.ceil(_DAY / self.request_window)
        return sum(math.ceil((run.kept or run.window).length / _DAY) * per_day for run in self.to_export)

    @property
    def min_duration(self) -> timedelta:
        """The minimum time that the requests take at the vendor's rate limits."""
        return max((least_duration(self.requests, limit) for limit in self.hook.limits), default=timedelta(0))

    @property
    def expired(self) -> list[Window]:
        """The parts of the range asked for that the vendor no longer keeps and that are not published."""
        lost = union(run.lost for run in self.runs if run.lost is not None)
        return clip_to(self.asked, minus(lost, self.published or ()))

    @property
    def gaps(self) -> list[Window]:
        """The parts of the range asked for that are not published."""
        return gaps(self.asked, self.published or ())

    @property
    def pool(self) -> str:
        """Name of the vendor's pool."""
        return f"convexport_{self.hook.conn_type}"


def plan_backfill(
    vendor: str,
    *,
    stream: str = "conversations",
    start: datetime,
    end: datetime,
    timetable: ExportWindowTimetable | None = None,
    windows: Sequence[Window] | None = None,
    window_on: str | None = None,
    filters: Mapping[str, str] | None = None,
    settle: timedelta | None = None,
    request_window: timedelta | None = None,
    dag_id: str | None = None,
    store: Store | None = None,
    scope: Mapping[str, str] | None = None,
    now: datetime | None = None,
    progress: Progress = NO_PROGRESS,
) -> BackfillPlan:
    """Plan the backfill of a stream.

    :param vendor: Machine name, such as ``"ada"``.
    :param stream: The vendor's stream.
    :param start: Start of the range, inclusive, with a time zone.
    :param end: End of the range, exclusive, with a time zone. The first run may begin before ``start``, and
        the last one may end after ``end``.
    :param timetable: The Dag's schedule; ``ExportWindowTimetable.for_vendor(vendor, stream=stream)`` if left
        out.
    :param windows: The data intervals of the Dag's runs, if it has another kind of timetable.
    :param window_on: The operator's; the stream's default if left out. What is published by another time does
        not count.
    :param filters: The operator's; what is published with others does not count.
    :param settle: The operator's; the stream's default if left out.
    :param request_window: The operator's; the stream's default if left out.
    :param dag_id: The Dag whose runs are planned; ``<vendor>_windows`` if left out.
    :param store: The operator's destination; runs that are published there are left out.
    :param scope: The shop or bot whose partitions count as published; needed if there are several.
    :param now: The current time, UTC; the clock's if left out.
    :param progress: Shows how many manifests have been read.
    :raises ConfigurationError: for an unknown vendor or stream, an empty range, a moment without a time zone,
        a request window that the vendor refuses, or a destination that holds something else or several
        datasets of the stream.
    """
    hook, known = hook_of(vendor), stream_of(vendor, stream)
    moment = now or datetime.now(UTC)
    asked = range_between(start, end, moment)
    query = Query(known, request_window=request_window, window_on=window_on or "", filters=filters or {})
    if windows is None:
        timetable = timetable or ExportWindowTimetable.for_vendor(vendor, stream=stream)
        windows = tuple(timetable.windows(asked.start, asked.end))
    span = Window(windows[0].start, windows[-1].end)
    progress.begin("Listing what is published")
    dataset = None if store is None else _dataset(store, query, scope, span, progress)
    published = () if dataset is None else tuple(union(dataset.windows))
    runs = tuple(_run(window, query, published, moment, settle=settle) for window in windows)
    return BackfillPlan(
        hook=hook,
        stream=known,
        asked=asked,
        runs=runs,
        dag_id=dag_id or f"{vendor}_windows",
        request_window=request_window or known.request_window,
        timetable=timetable,
        published=None if store is None else tuple(clip_to(span, published)),
        overlaps=() if dataset is None else tuple(clip_to(span, overlaps(dataset.windows))),
    )


def range_between(start: datetime, end: datetime, now: datetime) -> Window:
    """Return the range of time of a plan.

    :raises ConfigurationError: if it is empty, or begins or ends where no run can be.
    """
    asked = window_between(start, end)
    if asked.start < _FIRST:
        raise ConfigurationError(
            f"The range begins at {iso(asked.start)}, when no vendor had records; begin at {iso(_FIRST)} or "
            "later."
        )
    if asked.end > now + _AHEAD:
        raise ConfigurationError(
            f"The range ends at {iso(asked.end)}, and a backfill creates only runs whose interval has ended; "
            "end within a year from now."
        )
    return asked


def _run(
    window: Window,
    query: Query,
    published: Iterable[Window],
    now: datetime,
    *,
    settle: timedelta | None,
) -> PlannedRun:
    stream = query.stream
    kept, lost = window, None
    if (begin := kept_from(window, stream, now)) is not None:
        if begin >= window.end:
            state: State = "published" if not gaps(window, published) else "expired"
            return PlannedRun(window, state, None, 0, lost=window)
        kept, lost = Window(begin, window.end), Window(window.start, begin)
    requests = sum(1 for _ in query.windows(kept))
    if not gaps(kept, published):
        return PlannedRun(window, "published", None, 0, lost, requests)
    if settles_at(window, stream, settle) > now:
        return PlannedRun(window, "not settled", None, 0, lost, requests)
    return PlannedRun(window, "to export", None if kept == window else kept, requests, lost, requests)


def _dataset(
    store: Store, query: Query, scope: Mapping[str, str] | None, span: Window, progress: Progress
) -> Dataset | None:
    """Return what is published of the stream in a span of time and around it; ``None`` if nothing is."""
    stream = query.stream
    everything = read_coverage(store, scope=scope, span=span, progress=progress)
    of_stream = [
        dataset
        for dataset in everything
        if (dataset.key.vendor, dataset.key.stream) == (stream.vendor, stream.name)
    ]
    fitting = [dataset for dataset in of_stream if _is_alike(dataset, query)]
    if of_stream and not fitting:
        raise ConfigurationError(
            f"{store.url} holds {_selections(of_stream)}, and the plan is for {stream.name} by "
            f"{query.window_on}{named_values(query.filters)}; name the destination of that export, or its "
            "--window-on and --filter."
        )
    if len(fitting) > 1:
        raise ConfigurationError(
            f"{store.url} holds several datasets of {stream.title} {stream.name}: "
            f"{_names(fitting)}; name the folder of one of them, or its shop or bot with --scope."
        )
    if everything and not fitting and scope is None:
        raise ConfigurationError(
            f"{store.url} holds {_names(everything)}, and nothing of {stream.title} {stream.name}; "
            "name the destination of that stream's operator."
        )
    return fitting[0] if fitting else None


def _is_alike(dataset: Dataset, query: Query) -> bool:
    """Return whether a dataset has the selection of a query; an assumed ``window_on`` may be any."""
    is_assumed = query.window_evidence == "assumed"
    return dataset.filters == query.filters and (is_assumed or dataset.key.window_on == query.window_on)


def _selections(datasets: Sequence[Dataset]) -> str:
    keys = {f"{each.key.stream} by {each.key.window_on}{named_values(each.filters)}" for each in datasets}
    return " and ".join(sorted(keys))


def _names(datasets: Sequence[Dataset]) -> str:
    keys = (each.key for each in datasets)
    return ", ".join(f"{key.folder or '.'} ({key.vendor} {key.stream})" for key in keys)


def least_duration(requests: int, limit: Limit) -> timedelta:
    """Return how long after the first of so many requests the last one may be sent."""
    return max(requests - 1, 0) // limit.requests * limit.period
