"""Plans and coverage as text for people and as values for programs."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.cli.spans import cut_to, gaps, union
from airflow_provider_convexport.export.window import Window, iso

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from airflow_provider_convexport.cli.coverage import Dataset
    from airflow_provider_convexport.cli.plan import BackfillPlan
    from airflow_provider_convexport.export.fetch.limit import Limit

LEGEND = (
    "#  records    .  no records    -  not published    ~  partly published    !  published more than once"
)

_DAY = timedelta(days=1)
_UNITS = {
    "day": _DAY,
    "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1),
    "second": timedelta(seconds=1),
}
_RULER = " " * 9 + "".join(str(day % 10) for day in range(1, 32))


def plan_text(plan: BackfillPlan) -> str:
    """Return a plan as a table of runs, sentences, and commands."""
    title = f"{plan.stream.title} {plan.stream.name}"
    head = f"Backfill of {title}, {plan.asked} asked for:"
    return "\n".join([head, "", *_table(plan), "", *_sentences(plan), "", *_advice(plan)])


def plan_values(plan: BackfillPlan) -> dict[str, Any]:
    """Return a plan as JSON values; spans are pairs of ISO-8601 texts, half-open, UTC."""
    return {
        "vendor": plan.stream.vendor,
        "stream": plan.stream.name,
        "asked": _pair(plan.asked),
        "span": _pair(plan.span),
        "runs": [
            {
                "interval": _pair(run.window),
                "state": run.state,
                "kept": None if run.kept is None else _pair(run.kept),
                "requests": run.requests,
            }
            for run in plan.runs
        ],
        "requests": plan.requests,
        "daily_requests": plan.daily_requests,
        "least_seconds": plan.least_time.total_seconds(),
        "expired": _pairs(plan.expired),
        "published": None if plan.published is None else _pairs(plan.published),
        "gaps": None if plan.published is None else _pairs(plan.gaps),
        "overlaps": _pairs(plan.overlaps),
        "commands": commands(plan),
    }


def commands(plan: BackfillPlan) -> list[str]:
    """Return the commands that carry out a plan; none if there is nothing to export."""
    slots = plan.hook.pool_slots
    backfills = [
        f"airflow backfill create --dag-id {plan.dag_id} --from-date {iso(runs[0].start)} "
        f"--to-date {iso(runs[-1].start)} --max-active-runs {slots}"
        for runs in _stretches(plan)
    ]
    pool = f'airflow pools set {plan.pool} {slots} "Exports from {plan.hook.title}"'
    unpause = f"airflow dags unpause {plan.dag_id}"  # no run of a paused Dag starts, of a backfill neither
    return [pool, unpause, *backfills] if backfills else []


def coverage_text(datasets: Sequence[Dataset], url: str) -> str:
    """Return calendars and sentences for what is published under a destination."""
    if not datasets:
        return f"Nothing is published under {url}."
    blocks = ["\n".join(_dataset(dataset)) for dataset in datasets]
    return "\n\n".join([*blocks, LEGEND])


def coverage_values(datasets: Iterable[Dataset]) -> list[dict[str, Any]]:
    """Return what is published as JSON values; spans are pairs of ISO-8601 texts, half-open, UTC."""
    return [
        {
            "folder": dataset.folder,
            "vendor": dataset.of.vendor,
            "stream": dataset.of.stream,
            "scope": dataset.of.scope,
            "filters": dataset.of.filters,
            "window_on": dataset.of.window_on,
            "span": _pair(dataset.span),
            "partitions": len(dataset.manifests),
            "records": dataset.records,
            "bytes": dataset.bytes,
            "gaps": _pairs(dataset.gaps),
            "empty": _pairs(dataset.empty),
            "overlaps": _pairs(dataset.overlaps),
            "expired": _pairs(dataset.expired),
            "days": {f"{day:%Y-%m-%d}": mark for day, mark in _days(dataset)},
        }
        for dataset in datasets
    ]


def _table(plan: BackfillPlan) -> Iterator[str]:
    yield f"{'data interval':<42} {'days':>5} {'requests':>8}  state"
    for run in plan.runs:
        days = run.window.length / _DAY
        note = f", of which {iso(run.kept.start)} and later is kept" if run.kept is not None else ""
        yield f"{run.window!s:<42} {days:>5g} {run.requests:>8}  {run.state}{note}"


def _sentences(plan: BackfillPlan) -> Iterator[str]:
    total = len(plan.runs)
    counts = {
        state: sum(1 for run in plan.runs if run.state == state)
        for state in ("published", "not settled", "expired")
    }
    others = "".join(f", {count} {state}" for state, count in counts.items() if count)
    yield f"Runs: {total}; {len(plan.to_export)} to export{others}."
    yield (
        f"Requests: at least {plan.requests}, if the records of every {_span(plan.request_window)} fit on "
        f"one page; runs of one day would take at least {plan.daily_requests}."
    )
    yield f"Time: at least {plan.least_time} at the vendor's limits (requests: {_limits(plan.hook.limits)})."
    if plan.stream.max_window is None:
        yield (
            f"{plan.stream.title} names no longest window; the operator's request_window= asks for more than "
            f"{_span(plan.stream.request_window)} at a time."
        )
    if plan.stream.history is not None and plan.expired:
        yield (
            f"{plan.stream.title} keeps {plan.stream.name} for {plan.stream.history.days} days; no longer "
            f"kept and not published: {_list(plan.expired)}."
        )
    if plan.published is not None:
        yield f"Published: {_list(plan.published)}. Gaps in what was asked for: {_list(plan.gaps)}."
        yield f"Published more than once: {_list(plan.overlaps)}."


def _advice(plan: BackfillPlan) -> Iterator[str]:
    lines = commands(plan)
    if not lines:
        yield "There is nothing to do."
        return
    yield f"The Dag {plan.dag_id} needs the schedule that these windows come from; then:"
    if any(run.kept is not None for run in plan.to_export):
        yield 'Its operator needs on_expired="clip", since the vendor no longer keeps all of the first run.'
    yield ""
    yield from lines


def _stretches(plan: BackfillPlan) -> Iterator[list[Window]]:
    """Yield the windows that one backfill each creates: neighbours without a finished one between them."""
    for is_due, runs in groupby(plan.runs, key=lambda run: run.state == "to export"):
        if is_due:
            yield [run.window for run in runs]


def _dataset(dataset: Dataset) -> Iterator[str]:
    of = dataset.of
    folder = f"{dataset.folder}: " if dataset.folder else ""
    yield f"{folder}{of.vendor} {of.stream} by {of.window_on}{_scope({**of.scope, **of.filters})}"
    yield ""
    yield from calendar(_days(dataset))
    yield ""
    yield (
        f"{len(dataset.manifests)} partitions, {dataset.span}, with {dataset.records} records in "
        f"{dataset.bytes} bytes."
    )
    yield f"Not published: {_list(dataset.gaps)}. No records: {_list(dataset.empty)}."
    if dataset.overlaps:
        yield f"Published more than once: {_list(dataset.overlaps)}."
    if dataset.expired:
        yield f"No longer kept by the vendor when exported: {_list(dataset.expired)}."


def calendar(days: Iterable[tuple[date, str]]) -> Iterator[str]:
    """Yield a line for each month, a character for each day, under a line of the days' last digits."""
    yield _RULER
    for (year, month), group in groupby(days, key=lambda day: (day[0].year, day[0].month)):
        marks = {day.day: mark for day, mark in group}
        line = "".join(marks.get(day, " ") for day in range(1, 32))
        yield f"{year:04}-{month:02}  {line}".rstrip()


def _days(dataset: Dataset) -> Iterator[tuple[date, str]]:
    """Yield every UTC day from the first to the last one with its character of `LEGEND`."""
    span, twice = dataset.span, dataset.overlaps
    # Joined once: a year of hours has thousands of partitions, and each day is held against all of them.
    covered = union(dataset.windows)
    with_records = union(each.covers for each in dataset.manifests if each.records)
    midnight = span.start.replace(hour=0, minute=0, second=0, microsecond=0)
    while midnight < span.end:
        day = Window(midnight, midnight + _DAY)
        yield midnight.date(), _mark(day, covered=covered, twice=twice, with_records=with_records)
        midnight += _DAY


def _mark(
    day: Window, *, covered: Iterable[Window], twice: Iterable[Window], with_records: Iterable[Window]
) -> str:
    if cut_to(day, twice):
        return "!"
    missing = sum((gap.length for gap in gaps(day, covered)), timedelta(0))
    if missing:
        return "-" if missing == day.length else "~"
    return "#" if cut_to(day, with_records) else "."


def _scope(values: dict[str, str]) -> str:
    return "".join(f", {name}={value}" for name, value in values.items())


def _limits(limits: Iterable[Limit]) -> str:
    return ", ".join(
        f"{limit.requests:,} per {_span(limit.period).removeprefix('1 ')}"
        + (" and endpoint" if limit.per_endpoint else "")
        for limit in limits
    )


def _span(length: timedelta) -> str:
    """Write a length in the largest unit that it is a whole number of: ``"29 days"``, ``"1 second"``."""
    for unit, one in _UNITS.items():
        if length >= one and not length % one:
            count = length // one
            return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    return f"{length.total_seconds():g} seconds"


def _list(windows: Sequence[Window]) -> str:
    return ", ".join(map(str, windows)) or "nothing"


def _pair(window: Window) -> list[str]:
    return [iso(window.start), iso(window.end)]


def _pairs(windows: Iterable[Window]) -> list[list[str]]:
    return [_pair(window) for window in windows]
