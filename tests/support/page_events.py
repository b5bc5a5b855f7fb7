"""Asset events in Airflow's database, as exports and audits send them, for tests of the coverage page."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, insert

DAY = timedelta(days=1)
NOON = timedelta(hours=12)


def midnight(day):
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def text(moment):
    return moment.isoformat().replace("+00:00", "Z")


def as_text(extra):
    """Return an extra as it is in the database."""
    return json.dumps(extra)


def export_extra(
    dataset,
    day,
    *,
    records=100,
    days=1,
    commit="c0ffee0000000001",
    vendor="ada",
    stream="messages",
    days_given=(),
    **more,
):
    """Return the extra of an export of one day, or of several with equal numbers.

    :param days_given: What it says of its days, instead.
    """
    each = [day + n * DAY for n in range(days)]
    listed = {f"{one}": {"records": records, "bytes": 50 * records, "commit": commit} for one in each}
    return {
        "vendor": vendor,
        "stream": stream,
        "interval": [text(midnight(day)), text(midnight(day) + days * DAY)],
        "records": records * days,
        "bytes": 50 * records * days,
        "requests": 3,
        "manifests": [f"{dataset}/dt={one}/_manifest.json" for one in each],
        "dataset": dataset,
        "scope": {},
        "window_on": "created",
        "partition_by": "day",
        "settle": 7200,
        "duplicates": 1,
        "outside_interval": 2,
        "undated": 0,
        "waited": 0.5,
        "days": listed if days_given == () else days_given,
        **more,
    }


def audit_extra(dataset, day, *, ok, gaps=0, changed=0, commit="", vendor="ada", stream="messages"):
    return {
        "vendor": vendor,
        "stream": stream,
        "scope": {},
        "dataset": dataset,
        "audit": {f"{day}": {"ok": ok, "gaps": gaps, "changed": changed, "commit": commit}},
    }


def asset_rows(names):
    """Return rows of assets with ids from 1."""
    now = datetime.now(UTC)
    return [
        {"id": n, "name": name, "uri": f"x://{n}", "group": "asset", "extra": {}, "created_at": now,
         "updated_at": now}
        for n, name in enumerate(names, 1)
    ]  # fmt: skip


def event_row(asset_id, extra, at, *, dag="ada_daily", task="export", run="scheduled__1", map_index=-1):
    return {
        "asset_id": asset_id,
        "extra": extra,
        "timestamp": at,
        "source_dag_id": dag,
        "source_task_id": task,
        "source_run_id": run,
        "source_map_index": map_index,
    }


def write(session, assets, rows):
    """Write assets and events in place of those that are there."""
    from airflow.models.asset import AssetEvent, AssetModel  # noqa: PLC0415 - the home comes first

    session.execute(delete(AssetEvent))
    session.execute(delete(AssetModel))
    if assets:
        session.execute(insert(AssetModel), assets)
    for first in range(0, len(rows), 5000):
        session.execute(insert(AssetEvent), rows[first : first + 5000])
    session.commit()


def many(datasets, days, *, until):
    """Return the assets and events of datasets that were exported every day, some with problems.

    :param until: The day after the last one that is exported.
    """
    streams = [("ada", "messages"), ("ada", "conversations"), ("applied_labs", "conversations")]
    streams += [("agentx", "conversations"), ("agentx", "messages")]
    rows = []
    for number in range(datasets):
        vendor, stream = streams[number % len(streams)]
        root = f"s3://support-archive/raw/{vendor}/{stream}/{number:03}"
        scope = {"agentx": {"bot_name": f"bot-{number}"}, "applied_labs": {"shop_id": f"shop-{number}"}}
        for age in range(days, 0, -1):
            day = until - age * DAY
            if (number % 7 == 3 and age in (20, 21)) or (number % 11 == 5 and age < 4):
                continue
            records = 0 if day.weekday() == 6 and number % 5 == 0 else 800 + (age * 37 + number * 91) % 500
            extra = export_extra(
                root, day, records=records, commit=f"{number:08x}{age:08x}", vendor=vendor, stream=stream,
                scope=scope.get(vendor, {}),
            )  # fmt: skip
            at = midnight(day) + DAY + timedelta(hours=3, seconds=number)
            rows.append(
                event_row(
                    number + 1, extra, at, dag=f"{vendor}_{number:03}", run=f"scheduled__{day}T00:00:00+00:00"
                )
            )
        if number % 13 == 1:
            day = until - 9 * DAY
            extra = audit_extra(root, day, ok=False, gaps=3, vendor=vendor, stream=stream)
            extra["scope"] = scope.get(vendor, {})
            rows.append(event_row(number + 1, extra, midnight(until), dag=f"audit_{number:03}", task="audit"))
    return asset_rows([f"dataset_{n:03}" for n in range(datasets)]), rows
