"""What an asset event's ``extra`` says: published days, audits or tables. It is read, never trusted."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, NamedTuple
from urllib.parse import unquote

import msgspec

from airflow_provider_convexport.export.dataset.folders import dataset_of, kind_of
from airflow_provider_convexport.export.dataset.reader import plain_url

if TYPE_CHECKING:
    from collections.abc import Iterator

_DAY = re.compile(r"/dt=(\d{4}-\d\d-\d\d)(?:/hour=(\d\d))?$")
_SCOPE = re.compile(r"/([a-z]+_[a-z]+)=([^/]+)$")


Count = Annotated[int, msgspec.Meta(ge=0, le=10**15)]
"""A number that a page can show; JSON has no end of digits."""
_LONGEST = 3700 * 86_400
"""Seconds; no partition is longer."""


class DamagedEventError(ValueError):
    """An event looks like one of this package and cannot be read."""


class DayItem(msgspec.Struct, frozen=True):
    """A day that an export published; ``hours`` maps hours to records and bytes, if it was not the whole."""

    records: Count
    bytes: Count
    commit: str = ""
    early: bool = False
    kept_from: str | None = msgspec.field(name="from", default=None)
    hours: dict[str, tuple[Count, Count]] | None = None


class SpanItem(msgspec.Struct, frozen=True):
    """A partition of any length that an export published."""

    start: str
    end: str
    records: Count
    bytes: Count
    commit: str = ""
    early: bool = False


class AuditItem(msgspec.Struct, frozen=True):
    """What an audit found of a day; ``commit`` is the version that it looked at."""

    ok: bool
    gaps: Count = 0
    changed: Count = 0
    commit: str = ""


class TableItem(msgspec.Struct, frozen=True):
    """What a run did to one table."""

    rows: Count
    partitions: Count = 0
    unchanged: Count = 0


class Extra(msgspec.Struct, frozen=True):
    """The ``extra`` of an event of this package; every version of the package so far is read."""

    vendor: str
    stream: str = ""
    interval: tuple[str, str] | None = None
    records: Count = 0
    bytes: Count = 0
    requests: Count = 0
    manifests: list[str] = []
    dataset: str = ""
    scope: dict[str, str] = {}
    window_on: str = ""
    partition_by: str = "day"
    timezone: str = "UTC"
    settle: Count | None = None
    duplicates: Count | None = None
    outside_interval: Count | None = None
    waited: float | None = None
    expired: tuple[str, str] | None = None
    days: dict[str, DayItem] | None = None
    spans: list[SpanItem] | None = None
    audit: dict[str, AuditItem] | None = None
    tables: dict[str, TableItem] | None = None

    @property
    def is_export(self) -> bool:
        """Whether an export sent it."""
        return bool(self.stream) and self.audit is None and self.interval is not None


class DatasetKey(NamedTuple):
    """What tells datasets apart; ``dataset`` is the URL of the root, ``scope`` sorted pairs."""

    dataset: str
    vendor: str
    stream: str
    scope: tuple[tuple[str, str], ...]


_decode = msgspec.json.Decoder(Extra).decode


def decoded(text: str | bytes) -> Extra | None:
    """Return what an event's ``extra`` says; ``None`` if it is no event of this package.

    :raises DamagedEventError: if it looks like one and cannot be read.
    """
    try:
        extra = _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        if _looks_like_ours(text):
            raise DamagedEventError from None
        return None
    return extra if extra.is_export or extra.audit is not None or extra.tables is not None else None


def _looks_like_ours(text: str | bytes) -> bool:
    try:
        keys = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return isinstance(keys, dict) and "vendor" in keys and bool({"stream", "audit", "tables"} & set(keys))


def key_of(extra: Extra) -> DatasetKey | None:
    """Return the dataset that an event is about; ``None`` if it does not say.

    Events of earlier versions name it in the URLs of their manifests only.
    """
    if extra.dataset:
        return DatasetKey(extra.dataset, extra.vendor, extra.stream, tuple(sorted(extra.scope.items())))
    if not extra.manifests:
        return None
    folder = dataset_of(plain_url(extra.manifests[0]).rpartition("/")[0])
    scope = {}
    while found := _SCOPE.search(folder):
        scope[found[1]] = unquote(found[2])
        folder = folder[: found.start()]
    return DatasetKey(folder, extra.vendor, extra.stream, tuple(sorted(scope.items())))


def day_items(extra: Extra) -> dict[str, DayItem | None]:
    """Return the days that an event says were published; ``None`` for one whose numbers it does not say.

    Events of earlier versions name days in the URLs of their manifests, and have numbers only if it is one.
    """
    if extra.days is not None:
        return dict(extra.days)
    if extra.spans is not None:
        return {}
    days: dict[str, set[str]] = {}
    for url in extra.manifests:
        if found := _DAY.search(url.rpartition("/")[0]):
            days.setdefault(found[1], set()).add(found[2] or "")
    return {day: _item_of_urls(extra, hours, is_only=len(days) == 1) for day, hours in days.items()}


def span_items(extra: Extra) -> list[SpanItem]:
    """Return the partitions of any length that an event says were published.

    :raises ValueError: if one is empty, or longer than ten years.
    """
    if extra.spans is not None:
        if any(not 0 < moment(each.end) - moment(each.start) <= _LONGEST for each in extra.spans):
            raise ValueError("A partition that is empty or too long.")
        return extra.spans
    if extra.days is not None or extra.interval is None:
        return []
    folders = [url.rpartition("/")[0] for url in extra.manifests]
    if not any(kind_of(folder) == "interval" for folder in folders):
        return []
    return [SpanItem(*extra.interval, records=extra.records, bytes=extra.bytes)]


def _item_of_urls(extra: Extra, hours: set[str], *, is_only: bool) -> DayItem | None:
    named = sorted(hours - {""})
    if named:
        size = (extra.records, extra.bytes) if is_only and len(named) == 1 else (-1, -1)
        return DayItem(records=size[0], bytes=size[1], hours=dict.fromkeys(named, size))
    return DayItem(extra.records, extra.bytes) if is_only else None


@lru_cache(maxsize=4096)  # datasets share their days
def moment(text: str) -> int:
    """Return a moment in epoch seconds.

    :raises ValueError: if it is none, or has no time zone.
    """
    found = datetime.fromisoformat(text)
    if found.utcoffset() is None:
        raise ValueError("A moment without a time zone.")
    return int(found.timestamp())


@lru_cache(maxsize=4096)
def ordinal(text: str) -> int:
    """Return the number of a day.

    :raises ValueError: if it is none.
    """
    return date.fromisoformat(text).toordinal()


def days_between(first: int, last: int) -> Iterator[date]:
    """Yield the days from one number to another, both inclusive."""
    return map(date.fromordinal, range(first, last + 1))


def utc_text(seconds: float) -> str:
    """Return a moment for people: ``2026-04-01 13:05``, in UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"
