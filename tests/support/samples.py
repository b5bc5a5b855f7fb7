"""Small values of the engine's own types, for tests of one module at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from airflow_provider_convexport.export.fetch.page import Page
from airflow_provider_convexport.export.fetch.pagination import NextLink
from airflow_provider_convexport.export.fetch.stream import PageSize, Query, Stream
from airflow_provider_convexport.export.stage.batch import Batch
from airflow_provider_convexport.export.window import Window, iso

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
APRIL_1 = datetime(2026, 4, 1, tzinfo=UTC)


def days(count: int, *, start: datetime = APRIL_1) -> Window:
    return Window(start, start + count * DAY)


def stream(**changes: Any) -> Stream:
    """A vendor that answers ``{"list": [{"id", "at"}], "next": url}``."""
    facts: dict[str, Any] = {
        "vendor": "acme",
        "title": "Acme",
        "name": "conversations",
        "path": "/export",
        "list_keys": ("list",),
        "pagination": NextLink(("next",)),
        "id_field": "id",
        "time_fields": {"created": "at", "updated": "changed_at"},
        "page_size": PageSize("size", default=10, minimum=1, maximum=100),
        "request_window": 30 * DAY,
        "max_window": 30 * DAY,
        "window_params": lambda window, on: {f"{on}_from": iso(window.start), f"{on}_to": iso(window.end)},
        "filters": frozenset(("agent",)),
    }
    return Stream(**facts | changes)


def query(**changes: Any) -> Query:
    return Query(stream(), **changes)


def record(identity: str, at: Any = None, **more: Any) -> bytes:
    return json.dumps({"id": identity, "at": at, **more}).encode()


def body(records: Iterable[Mapping[str, Any]], link: str | None = None) -> bytes:
    return json.dumps({"list": list(records), "next": link}).encode()


def page(*records: tuple[str, float | None], link: str | None = None) -> Page:
    """A page of records given as (id, epoch seconds)."""
    raws = [msgspec.Raw(record(identity, moment)) for identity, moment in records]
    return Page(raws, [identity for identity, _ in records], [moment for _, moment in records], link)


def batch(*records: tuple[str, float | None], partition: int = 0, raws: list[bytes] | None = None) -> Batch:
    whole = page(*records)
    dated = [moment for _, moment in records if moment is not None]
    return Batch(
        partition,
        whole.raws if raws is None else [msgspec.Raw(raw) for raw in raws],
        whole.ids,
        min(dated, default=None),
        max(dated, default=None),
    )


def url(path: str, **params: str) -> str:
    return f"{path}?{urlencode(params)}"


class FakeTime:
    """A clock that moves only when somebody sleeps."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()
