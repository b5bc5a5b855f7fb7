"""The queue of a run's request windows, and the progress of each."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_convexport.export.fetch.request import PageRequest
from airflow_provider_convexport.export.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterable


class RequestWindow(msgspec.Struct):
    """A span of time that one series of pages covers, and its progress.

    :param start: Start in UTC, inclusive.
    :param end: End in UTC, exclusive.
    :param next_request: Request for the next page, without its host; ``None`` before the first one.
    :param done: Whether its last page has been fetched.
    :param reached: Latest time among the records of the last page, in epoch seconds; only for estimates.
    :param is_piece: Whether it is a piece of a longer window; pieces are not split again.
    """

    start: datetime
    end: datetime
    next_request: PageRequest | None = None
    done: bool = False
    reached: float | None = None
    is_piece: bool = False

    @property
    def window(self) -> Window:
        """The span of time."""
        return Window(self.start.astimezone(UTC), self.end.astimezone(UTC))

    @property
    def seconds_done(self) -> float:
        """Estimate of how many of the window's seconds are done, assuming chronological order of records."""
        length = (self.end - self.start).total_seconds()
        if self.done or self.reached is None:
            return length if self.done else 0.0
        return min(max(self.reached - self.start.timestamp(), 0.0), length)


@dataclass(slots=True)
class WindowQueue:
    """All request windows of a run: done, being fetched, and waiting.

    It is not thread-safe; the caller holds a lock.

    :param windows: All request windows in chronological order.
    """

    windows: list[RequestWindow]
    _waiting: deque[RequestWindow] = field(default_factory=deque)
    _changed: dict[datetime, RequestWindow] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._waiting.extend(each for each in self.windows if not each.done)
        self._note(self.windows)

    @classmethod
    def of(cls, windows: Iterable[Window]) -> WindowQueue:
        """Return the queue of a run that starts."""
        return cls([RequestWindow(window.start, window.end) for window in windows])

    def take(self) -> RequestWindow | None:
        """Return the next window to fetch; ``None`` if none is waiting."""
        return self._waiting.popleft() if self._waiting else None

    @property
    def waiting(self) -> int:
        """Number of windows that wait to be fetched."""
        return len(self._waiting)

    def advance(self, window: RequestWindow, *, to: PageRequest | None, reached: float | None) -> None:
        """Note that a page of a window has been fetched.

        :param window: The window.
        :param to: Request for its next page; ``None`` if that page was the last one.
        :param reached: Latest time among the page's records, in epoch seconds; ``None`` if none has a time.
        """
        window.next_request = to
        window.done = to is None
        window.reached = window.reached if reached is None else reached
        self._note([window])

    def restart(self, window: RequestWindow) -> None:
        """Note that a window starts again from its first page."""
        window.next_request = None
        self._note([window])

    def changed(self) -> list[RequestWindow]:
        """Return the windows that are new or have changed since the last call."""
        changed, self._changed = list(self._changed.values()), {}
        return changed

    def _note(self, windows: Iterable[RequestWindow]) -> None:
        self._changed.update((each.start, each) for each in windows)

    def split(self, long: RequestWindow, *, pieces: int) -> None:
        """Replace a window by shorter ones that together cover all of it and can be fetched concurrently.

        Nothing is assumed about the order in which the vendor returns records, so the pieces also cover what
        has already been fetched; duplicates are dropped.
        """
        window = long.window
        seconds = int(window.length.total_seconds())
        step = timedelta(seconds=max(-(-seconds // pieces), 1))
        parts = [RequestWindow(piece.start, piece.end, is_piece=True) for piece in window.split(step)]
        position = self.windows.index(long)
        self.windows[position : position + 1] = parts
        self._waiting.extendleft(reversed(parts))
        self._note(parts)

    def forget_cursors(self) -> None:
        """Discard all cursors, so that every unfinished window starts again from its first page."""
        for each in self.windows:
            if not each.done:
                each.next_request = None

    @property
    def share_done(self) -> float:
        """Estimate of the fraction of the interval's length that is done, 0 to 1."""
        total = sum((each.end - each.start for each in self.windows), timedelta())
        return sum(each.seconds_done for each in self.windows) / total.total_seconds()
