"""Finds out by which field a vendor's window selects, with short windows around the times of one record."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Literal

import msgspec

from airflow_provider_convexport.export.fetch.pages import paginate
from airflow_provider_convexport.export.fetch.window_evidence import all_moments
from airflow_provider_convexport.export.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_convexport.export.fetch.client import Client
    from airflow_provider_convexport.export.fetch.stream import Query

_SECOND = timedelta(seconds=1)
_MAX_RECORDS = 3
_SAMPLE_PAGES = 3
"""Pages of one window in which a record is looked for; pages may be empty."""
_EARLIER_WINDOWS = 3
"""Request windows before the interval in which a record is looked for, if the interval has none."""
_MAX_PAGES = 20
"""Pages of a short window; a vendor that sends more does not select by time at all."""


class Finding(msgspec.Struct, frozen=True):
    """By which field a vendor's window selects.

    :param window_on: The field's ``window_on``. If a record is found by each of its times, each is safe;
        then it is the one that was taken for proven before, or empty.
    :param evidence: ``"probe"``, ``"page"`` or ``"overlap"``, as in `WindowEvidence`.
    :param found_at: When this was found out, in epoch seconds.
    """

    window_on: str
    evidence: Literal["probe", "page", "overlap"]
    found_at: float


def probe(client: Client, query: Query, interval: Window, *, now: float) -> Finding | None:
    """Find out by which field the window of an undecided stream selects.

    :param client: Sends the requests; one for a sample, and two for each of at most three records.
    :param query: The query; its ``window_on`` plays no role.
    :param interval: Where to look for records; the days before it come last.
    :param now: The current time in epoch seconds.
    :returns: ``None`` if no record tells.
    """
    fields = list(query.stream.time_fields)
    for identity, moments in islice(_telling(client, query, interval, now), _MAX_RECORDS):
        answers = [_is_found(client, query, identity, moment) for moment in moments]
        found = [field for field, answer in zip(fields, answers, strict=True) if answer]
        if None in answers or not found:
            continue
        if len(found) == 1:
            return Finding(found[0], "probe", now)
        if len(found) == len(fields):
            return Finding("", "overlap", now)
    return None


def _telling(
    client: Client, query: Query, interval: Window, now: float
) -> Iterator[tuple[str, tuple[float, ...]]]:
    """Yield the id and the times of records whose times are far enough from each other.

    None of the times may move any more: a vendor whose index lags behind could select by an earlier one.
    """
    apart = query.stream.reach.total_seconds()
    latest = now - query.stream.settle.total_seconds()
    for window in _sample(query, interval):
        pages = paginate(client, query, start=query.first_request(window))
        for page in (fetched.page for fetched in islice(pages, _SAMPLE_PAGES)):
            for identity, moments in zip(page.ids, all_moments(query, page), strict=True):
                dated = tuple(each for each in moments if each is not None)
                gaps = [later - earlier for earlier, later in pairwise(sorted(dated))]
                if len(dated) == len(moments) and min(gaps) > apart and max(dated) <= latest:
                    yield identity, dated


def _sample(query: Query, interval: Window) -> Iterator[Window]:
    """Yield up to three request windows of the interval, and some before it."""
    windows = list(query.windows(interval))
    for number in dict.fromkeys((0, len(windows) - 1, len(windows) // 2)):
        yield windows[number]
    length = query.stream.request_window
    for number in range(_EARLIER_WINDOWS):
        end = interval.start - number * length
        yield Window(end - length, end)


def _is_found(client: Client, query: Query, identity: str, moment: float) -> bool | None:
    """Return whether a short window around a moment has a record; ``None`` if its answer does not end."""
    start = datetime.fromtimestamp(math.floor(moment), tz=UTC)
    asked = Window(start - _SECOND, start + 2 * _SECOND)
    following = None
    for fetched in islice(paginate(client, query, start=query.request_for(asked)), _MAX_PAGES):
        if identity in fetched.page.ids:
            return True
        following = fetched.next_request
    return False if following is None else None
