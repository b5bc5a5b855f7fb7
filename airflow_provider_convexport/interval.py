"""Finds the interval that a task run is responsible for, whatever kind of run it is.

No other module reads a run's dates. The first of these that is present decides:

1. the operator's ``interval_start`` and ``interval_end``;
2. ``dag_run.conf["interval"]``, two ISO-8601 strings, for manual runs; the trigger form fills it from the Dag
   param ``interval`` of `manual_runs`;
3. a partition date or key, with ``period`` (Airflow 3.2 and later);
4. a data interval whose start lies before its end;
5. a data interval whose start is its end, with ``period``: the period that ended at that moment;
6. for manual runs without a data interval, the Dag param ``last_whole`` of `manual_runs`: the last day or
   hour, in UTC, that was over at the run's ``run_after``.

Airflow 3 gives cron strings such as ``"@daily"`` a data interval without width. Runs that an asset started,
and manual runs without a logical date, have no data interval; their context even lacks the keys
(https://github.com/apache/airflow/issues/46197). A run whose interval is unclear is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from airflow_provider_convexport.durations import in_words
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.window import Window, iso, parse_moment

_MANUAL: Final = "manual"
_LAST_WHOLE: Final = {"day": timedelta(days=1), "hour": timedelta(hours=1)}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def interval_of(
    context: Mapping[str, Any],
    *,
    interval_start: datetime | str | None = None,
    interval_end: datetime | str | None = None,
    period: timedelta | None = None,
    lookback: timedelta | None = None,
) -> Window:
    """Return the run's half-open interval in UTC.

    :param context: Airflow's task context; any of its keys may be missing.
    :param interval_start: The operator's own start, closed; a datetime with a zone or ISO-8601 text.
    :param interval_end: The operator's own end, open; given together with ``interval_start``.
    :param period: Length of one period, for runs that name only an instant or a partition.
    :param lookback: Return the time of this length that ends where the interval begins, instead of it.
    :raises ConfigurationError: if the run does not say which interval it means, or an argument is wrong; the
        message says what to write instead.
    """
    for name, length in (("period", period), ("lookback", lookback)):
        if length is not None and (not isinstance(length, timedelta) or length <= timedelta(0)):
            raise ConfigurationError(
                f"{name}={length!r} is not a positive timedelta; pass timedelta(days=1)."
            )
    try:
        interval = (
            _explicit(interval_start, interval_end)
            or _from_conf(context)
            or _from_partition(context, period)
            or _from_data_interval(context, period)
        )
        return interval if lookback is None else Window(interval.start - lookback, interval.start)
    except OverflowError:
        raise ConfigurationError(
            f"period={in_words(period or timedelta(0))} reaches beyond the years 1 to 9999; pass the length "
            "of one period, such as timedelta(days=1)."
            if lookback is None
            else f"lookback={in_words(lookback)} reaches beyond the years 1 to 9999; pass a shorter time, "
            "such as timedelta(days=7)."
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
    named = (interval_start, interval_end, context.get("partition_key"), context.get("partition_date"))
    return any(each not in (None, "") for each in named) or _in_conf(context) is not None


def _in_conf(context: Mapping[str, Any]) -> Any:
    """Return what the run's conf says of the interval, or ``None``.

    The trigger form sends null for a Dag param that was left empty; a list without members is one that was
    emptied.
    """
    conf = getattr(context.get("dag_run"), "conf", None)
    interval = conf.get("interval") if isinstance(conf, Mapping) else None
    return None if interval == [] else interval


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
    interval = _in_conf(context)
    if interval is None:
        return None
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
        if (last_whole := _last_whole(context)) is not None:
            return last_whole
        raise ConfigurationError(
            "This run has no data interval (a manual run without a logical date, or one that an asset "
            "started); fill in the Data interval of the trigger form, trigger it with conf "
            '{"interval": [start, end]}, or pass interval_start and interval_end to the operator.'
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


def _last_whole(context: Mapping[str, Any]) -> Window | None:
    """Return the last whole day or hour of a manual run, if the Dag has the param for it."""
    run, name = context.get("dag_run"), (context.get("params") or {}).get("last_whole")
    if name is None or getattr(run, "run_type", None) != _MANUAL:
        return None
    if name not in _LAST_WHOLE:
        raise ConfigurationError(
            f"The Dag param last_whole is {name!r}; it can be {' or '.join(_LAST_WHOLE)}."
        )
    length = _LAST_WHOLE[name]
    asked = parse_moment(getattr(run, "run_after", None), of="The run's run_after")
    end = asked - (asked - _EPOCH) % length
    return Window(end - length, end)


def _window(start: datetime, end: datetime, *, what: str) -> Window:
    if start >= end:
        raise ConfigurationError(
            f"{what}: {iso(start)} is not before {iso(end)}; "
            "an interval needs a start that lies before its end."
        )
    return Window(start, end)
