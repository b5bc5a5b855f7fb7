"""Tells from a vendor's answers by which field its window selects, where the vendor does not say."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_convexport.errors import IncompleteExportError
from airflow_provider_convexport.export.fetch.moment import moment_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_convexport.export.fetch.page import Page
    from airflow_provider_convexport.export.fetch.stream import Query
    from airflow_provider_convexport.export.window import Window

Moments = tuple[float | None, ...]

_ROUNDING = 1.0
"""Seconds by which a vendor that compares whole seconds may answer beyond the span that it was asked for."""


class WindowContradictedError(IncompleteExportError):
    """A record proves that the vendor's window does not select by the query's ``window_on``.

    :param query: The query.
    :param excluded: Each ``window_on`` by which the window cannot select.
    """

    def __init__(self, query: Query, excluded: frozenset[str]) -> None:
        left = [each for each in query.stream.time_fields if each not in excluded]
        self.proven = left[0] if len(left) == 1 else None
        super().__init__(
            f"{query.stream.endpoint} sent a record that is outside of the requested window by its "
            f"{query.window_on}, so the window does not select by {query.window_on} "
            f"but by {' or '.join(left) or 'no known field'}; nothing was published."
        )


def check_page(query: Query, page: Page, window: Window, *, requested_at: float) -> None:
    """Check that no record contradicts the query's ``window_on``, if the stream's window is undecided.

    Only a record beyond the whole requested span counts. Between the moment at which the vendor selects a
    record and the moment at which it sends it, the record's times may move forward. So a time after the span
    counts only if it had settled before the first request was sent: only then is it the time that the vendor
    compared.

    :param requested_at: When the first request was sent, in epoch seconds.
    :raises WindowContradictedError: if there is such a record.
    """
    stream = query.stream
    if not stream.window_undecided or query.window_evidence == "overlap":
        return
    asked = window.reach(stream.reach)
    low, high = asked.start.timestamp() - _ROUNDING, asked.end.timestamp() + _ROUNDING
    latest = requested_at - stream.settle.total_seconds()

    if page.first is None or page.last is None or low <= page.first <= page.last <= high:
        return

    def is_outside(moment: float | None) -> bool:
        return moment is not None and (moment < low or high < moment <= latest)

    # The page has the times by which the query selects; the others matter only after a contradiction.
    if any(map(is_outside, page.moments)):
        records = all_moments(query, page)
        excluded = frozenset(
            window_on
            for number, window_on in enumerate(stream.time_fields)
            if any(is_outside(moments[number]) for moments in records)
        )
        raise WindowContradictedError(query, excluded | {query.window_on})


def all_moments(query: Query, page: Page) -> list[Moments]:
    """Return for each record its times in epoch seconds, in the order of the stream's ``time_fields``.

    :returns: ``None`` in place of a time that is missing or cannot be read.
    """
    decoder = _decoder(tuple(query.stream.time_fields.values()))
    return [_moments(decoder, raw) for raw in page.raws]


def _moments(decoder: msgspec.json.Decoder[Any], raw: msgspec.Raw) -> Moments:
    try:
        times: Sequence[Any] = msgspec.structs.astuple(decoder.decode(raw))
    except (msgspec.DecodeError, UnicodeDecodeError):  # a lone surrogate, which JSON's escapes allow
        return (None,) * len(decoder.type.__struct_fields__)
    return tuple(moment_of(each) for each in times)


@lru_cache(maxsize=32)
def _decoder(fields: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    named = [
        (f"time_{number}", Any, msgspec.field(name=field, default=None))
        for number, field in enumerate(fields)
    ]
    return msgspec.json.Decoder(msgspec.defstruct("Times", named, gc=False))
