"""Datasets of the coverage page, published day by day from April 1."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from airflow_provider_convexport.page.cover import Commit, Piece
from airflow_provider_convexport.page.extra import DatasetKey, decoded
from airflow_provider_convexport.page.model import DAY, HOUR, Dataset, add_export
from tests.support.page_events import as_text, export_extra

APRIL_1 = date(2026, 4, 1)
FIRST = APRIL_1.toordinal()
MIDNIGHT = int(datetime(2026, 4, 1, tzinfo=UTC).timestamp())
ROOT = "s3://bucket/raw/ada/messages"
COMMIT = Commit(1, float(MIDNIGHT), "dag", "export", "run", -1, 3, 0, 0, 0.0, ("", ""))


def moment(day, hour=0):
    """Return the epoch seconds of an hour of a day, which counts from April 1."""
    return MIDNIGHT + (day - 1) * DAY + hour * HOUR


def dataset(**more):
    return Dataset(DatasetKey(ROOT, "ada", "messages", ()), settle=2 * HOUR, **more)


def publish(into, day, number=1, **extra):
    """Add the event of an export of some days from a day of April on."""
    first = APRIL_1 + timedelta(days=day - 1)
    read = decoded(as_text(export_extra(ROOT, first, days=number, **extra)))
    add_export(into, read, COMMIT._replace(event=day, interval=read.interval), Piece)
    return into
