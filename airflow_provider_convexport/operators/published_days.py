"""What the asset events of an export say about its days, for whoever shows coverage without the store.

It goes into the events beside the facts that ``execute`` returns, and is bounded: a run of a year says one
line for each day, whatever its partitions are. Hours are named one by one only of a day that the run did not
publish as a whole, and of those there are two at most.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.export.dataset.reader import plain_url
from airflow_provider_convexport.export.window import iso

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_convexport.export.dataset.manifest import Manifest
    from airflow_provider_convexport.export.job import Job
    from airflow_provider_convexport.export.outcome import Outcome, Published

_HOURS_OF_A_DAY = 24


def day_facts(job: Job, outcome: Outcome, *, url: str, settle: timedelta | None) -> dict[str, Any]:
    """Return what an asset event of an export carries beside its `ExportFacts`.

    ``dataset`` is the URL of the destination without the id of a connection, ``scope`` the shop or bot,
    ``settle`` the seconds after the end of a span at which it settles. ``duplicates``, ``outside_interval``,
    ``undated`` and ``waited`` (seconds) are those of the whole run. ``days`` maps each day that was written
    to its records, bytes and commit, with ``early`` if it was requested before it had settled, and ``from``,
    the moment from which the vendor still kept it; ``hours`` maps hours to records and bytes. With
    ``partition_by="interval"`` there is a list of ``spans`` instead.

    :param job: What was exported.
    :param outcome: What was published.
    :param url: URL of the destination.
    :param settle: The operator's argument; ``None`` for the stream's own.
    """
    query = job.query
    wait = query.stream.settle if settle is None else settle
    facts: dict[str, Any] = {
        "dataset": plain_url(url).rstrip("/"),
        "scope": dict(query.scope),
        "window_on": query.window_on,
        "partition_by": job.partition_by,
        "settle": round(wait.total_seconds()),
        **_of_the_run(outcome),
    }
    if job.partition_timezone != "UTC":
        facts["timezone"] = job.partition_timezone
    if job.partition_by == "interval":
        facts["spans"] = [_span(each.manifest, wait) for each in outcome.written]
    else:
        facts["days"] = _days(outcome.written, wait)
    return facts


def _of_the_run(outcome: Outcome) -> dict[str, int | float]:
    plan = outcome.plan
    if not outcome.written:
        return {}
    run = outcome.written[-1].manifest.run
    return {
        "duplicates": run.duplicates,
        "outside_interval": run.outside_interval,
        "undated": run.undated,
        "waited": round(plan.usage.throttled_seconds, 1),
    }


def _days(written: Iterable[Published], wait: timedelta) -> dict[str, dict[str, Any]]:
    by_day: dict[str, list[Published]] = defaultdict(list)
    for each in written:
        by_day[each.key[:10]].append(each)
    return {day: _day(partitions, wait) for day, partitions in by_day.items()}


def _day(partitions: list[Published], wait: timedelta) -> dict[str, Any]:
    manifests = [each.manifest for each in partitions]
    day: dict[str, Any] = {**_sizes(manifests), "commit": manifests[-1].commit}
    is_by_hour = len(partitions[0].key) > len("2026-04-01")
    if is_by_hour and len(partitions) < _HOURS_OF_A_DAY:
        day["hours"] = {each.key[11:13]: list(_sizes([each.manifest]).values()) for each in partitions}
    return day | _remarks(manifests, wait)


def _span(manifest: Manifest, wait: timedelta) -> dict[str, Any]:
    span = {"start": manifest.partition.start, "end": manifest.partition.end}
    return span | _sizes([manifest]) | {"commit": manifest.commit} | _remarks([manifest], wait)


def _sizes(manifests: list[Manifest]) -> dict[str, int]:
    return {
        "records": sum(each.records for each in manifests),
        "bytes": sum(file.bytes for each in manifests for file in each.files),
    }


def _remarks(manifests: list[Manifest], wait: timedelta) -> dict[str, Any]:
    """Return what is unusual about a day: it is not whole, or the vendor may have added records since."""
    remarks: dict[str, Any] = {}
    if any(_is_early(each, wait) for each in manifests):
        remarks["early"] = True
    first = manifests[0]
    if first.covers.start > first.partition.window.start:
        remarks["from"] = iso(first.covers.start)
    return remarks


def _is_early(manifest: Manifest, wait: timedelta) -> bool:
    asked = manifest.requested_at
    moment = datetime.fromisoformat(asked if isinstance(asked, str) else manifest.committed_at)
    return moment.astimezone(UTC) < manifest.partition.window.end + wait
