"""Set operations on windows: union, gaps, overlaps and intersection with one window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_convexport.export.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterable


def union(windows: Iterable[Window]) -> list[Window]:
    """Return the fewest windows, in order of time, that cover the same moments."""
    joined: list[Window] = []
    for window in sorted(windows):
        if joined and window.start <= joined[-1].end:
            joined[-1] = Window(joined[-1].start, max(joined[-1].end, window.end))
        else:
            joined.append(window)
    return joined


def gaps(span: Window, windows: Iterable[Window]) -> list[Window]:
    """Return the parts of ``span`` that no window covers, in order of time."""
    found = []
    cursor = span.start
    for window in union(windows):
        if window.start >= span.end:
            break
        if window.start > cursor:
            found.append(Window(cursor, window.start))
        cursor = max(cursor, window.end)
    if cursor < span.end:
        found.append(Window(cursor, span.end))
    return found


def overlaps(windows: Iterable[Window]) -> list[Window]:
    """Return the parts of time that more than one window covers, in order of time."""
    found = []
    reached = None
    for window in sorted(windows):
        if reached is not None and window.start < reached:
            found.append(Window(window.start, min(window.end, reached)))
        reached = window.end if reached is None else max(reached, window.end)
    return union(found)


def clip_to(span: Window, windows: Iterable[Window]) -> list[Window]:
    """Return the parts of ``windows`` that lie in ``span``, in the order of ``windows``."""
    return [
        Window(max(window.start, span.start), min(window.end, span.end))
        for window in windows
        if window.start < span.end and window.end > span.start
    ]


def minus(windows: Iterable[Window], others: Iterable[Window]) -> list[Window]:
    """Return the parts of ``windows`` that lie in none of ``others``, in the order of ``windows``."""
    removed = union(others)
    return [rest for window in windows for rest in gaps(window, removed)]
