"""Finds the interval that a task run is responsible for, whatever kind of run it is.

No other module reads a run's dates. The first of these that is present decides:

1. the operator's ``interval_start`` and ``interval_end``;
2. ``dag_run.conf["interval"]``, two ISO-8601 strings, for manual runs;
3. a partition date or key, with ``period`` (Airflow 3.2 and later);
4. a data interval whose start lies before its end;
5. a data interval whose start is its end, with ``period``: the period that ended at that moment.

Airflow 3 gives cron strings such as ``"@daily"`` a data interval without width. Runs that an asset started,
and manual runs without a logical date, have no data interval; their context even lacks the keys
(https://github.com/apache/airflow/issues/46197). A run whose interval is unclear is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_convexport.durations import in_words
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.window import Window, iso, parse_moment


def interval_of(
    context: Mapping[str, Any],
    *,
    interval_start: datetime | str | None = None,
    interval_end: datetime | str | None = None,
    period: timedelta | None = None,
) -> Window:
    """Return the run's half-open interval in UTC.

    :param context: Airflow's task context; any of its keys may be missing.
    :param interval_start: The operator's own start, closed; a datetime with a zone or ISO-8601 text.
    :param interval_end: The operator's own end, open; given together with ``interval_start``.
    :param period: Length of one period, for runs that name only an instant or a partition.
    :raises ConfigurationError: if the run does not say which interval it means, or an argument is wrong; the
        message says what to write instead.
    """
    if period is not None and (not isinstance(period, timedelta) or period <= timedelta(0)):
        raise ConfigurationError(f"period={period!r} is not a positive timedelta; pass timedelta(days=1).")
    try:
        return (
            _explicit(interval_start, interval_end)
            or _from_conf(context)
            or _from_partition(context, period)
            or _from_data_interval(context, period)
        )
    except OverflowError:
        raise ConfigurationError(
            f"period={in_words(period or timedelta(0))} reaches beyond the years 1 to 9999; pass the length "
            "of one period, such as timedelta(days=1)."
        ) from None


def names_interval(
    context: Mapping[str, Any],
    *,
    interval_start: datetime | str | None = None,
    interval_end: datetime | str | None = None,
) -> bool:
    """Return whether the operator, the run's conf or a partition key says which interval is meant.

    If not, a run that an asset started is better described by the events that started it.
    """
    conf = getattr(context.get("dag_run"), "conf", None)
    named = (interval_start, interval_end, context.get("partition_key"), context.get("partition_date"))
    return any(each not in (None, "") for each in named) or (isinstance(conf, Mapping) and "interval" in conf)


def _explicit(start: datetime | str | None, end: datetime | str | None) -> Window | None:
    has_start, has_end = start not in (None, ""), end not in (None, "")
    if has_start != has_end:
        raise ConfigurationError(
            f"Only interval_{'start' if has_start else 'end'} is given; pass both interval_start and "
            "interval_end, or neither."
        )
    if not has_start:
        return None
    first, last = parse_moment(start, of="interval_start"), parse_moment(end, of="interval_end")
    return _window(first, last, what="interval_start and interval_end")


def _from_conf(context: Mapping[str, Any]) -> Window | None:
    conf = getattr(context.get("dag_run"), "conf", None)
    if not isinstance(conf, Mapping) or "interval" not in conf:
        return None
    interval = conf["interval"]
    if not isinstance(interval, (list, tuple)) or len(interval) != 2:
        raise ConfigurationError(
            'The run\'s conf has an "interval" that is not a list of two ISO-8601 strings; '
            'write {"interval": ["2026-04-01T00:00:00Z", "2026-04-02T00:00:00Z"]}.'
        )
    what = 'The run\'s conf "interval"'
    first, last = (parse_moment(each, of=what) for each in interval)
    return _window(first, last, what=what)


def _from_partition(context: Mapping[str, Any], period: timedelta | None) -> Window | None:
    key, date = context.get("partition_key"), context.get("partition_date")
    if key is None and date is None:
        return None
    if period is None:
        raise ConfigurationError(
            f"This run names the partition {key or date}, which has a start but no length; "
            "pass period=timedelta(days=1) (or the partition's own length) to the operator."
        )
    start = parse_moment(key if date is None else date, of="The partition key", naive_as_utc=True)
    return Window(start, start + period)


def _from_data_interval(context: Mapping[str, Any], period: timedelta | None) -> Window:
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    if start is None or end is None:
        raise ConfigurationError(
            "This run has no data interval (a manual run without a logical date, or one that an asset "
            'started); trigger it with conf {"interval": [start, end]}, or pass interval_start and '
            "interval_end to the operator."
        )
    first, last = (parse_moment(each, of="The run's data interval") for each in (start, end))
    if first != last:
        return _window(first, last, what="The run's data interval")
    if period is None:
        raise ConfigurationError(
            "This run's data interval has no width (Airflow 3's default for cron strings and presets such as "
            '"@daily"); use schedule=CronDataIntervalTimetable("@daily", timezone="UTC"), '
            "or pass period=timedelta(days=1)."
        )
    return Window(last - period, last)


def _window(start: datetime, end: datetime, *, what: str) -> Window:
    if start >= end:
        raise ConfigurationError(
            f"{what}: {iso(start)} is not before {iso(end)}; "
            "an interval needs a start that lies before its end."
        )
    return Window(start, end)
