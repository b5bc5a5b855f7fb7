"""The request windows of a run and how far each has been fetched."""

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
    """A span of time that one series of pages asks for, and how far it is.

    :param start: Start in UTC, closed.
    :param end: End in UTC, open.
    :param next_request: Request for the next page, without its host; ``None`` before the first one.
    :param done: True once its last page was staged.
    :param reached: Latest time among the records of the last page, epoch seconds; only for estimates.
    :param is_piece: True if it was split off a longer window; then it is not split again.
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
        """Estimate of how many of the window's seconds are done, as if records came in order of time."""
        length = (self.end - self.start).total_seconds()
        if self.done or self.reached is None:
            return length if self.done else 0.0
        return min(max(self.reached - self.start.timestamp(), 0.0), length)


@dataclass(slots=True)
class WindowQueue:
    """All request windows of a run: done, being fetched, and waiting.

    Not thread-safe: its owner holds a lock.

    :param windows: Every window, in order of time.
    """

    windows: list[RequestWindow]
    _waiting: deque[RequestWindow] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._waiting.extend(each for each in self.windows if not each.done)

    @classmethod
    def of(cls, windows: Iterable[Window]) -> WindowQueue:
        """Return the queue of a run that begins."""
        return cls([RequestWindow(window.start, window.end) for window in windows])

    def take(self) -> RequestWindow | None:
        """Return a window to fetch, ``None`` if none is waiting."""
        return self._waiting.popleft() if self._waiting else None

    @property
    def waiting(self) -> int:
        """Number of windows that nobody fetches yet."""
        return len(self._waiting)

    def split(self, long: RequestWindow, *, pieces: int) -> None:
        """Replace a window by shorter ones that together cover all of it, to be fetched concurrently.

        Nothing is assumed about the order in which the vendor returns records, so the pieces also cover what
        was fetched already; duplicates are dropped.
        """
        window = long.window
        seconds = int(window.length.total_seconds())
        step = timedelta(seconds=max(-(-seconds // pieces), 1))
        parts = [RequestWindow(piece.start, piece.end, is_piece=True) for piece in window.split(step)]
        position = self.windows.index(long)
        self.windows[position : position + 1] = parts
        self._waiting.extendleft(reversed(parts))

    def forget_cursors(self) -> None:
        """Let every unfinished window begin again at its first page."""
        for each in self.windows:
            if not each.done:
                each.next_request = None

    @property
    def share_done(self) -> float:
        """Estimate of the share of the interval that is done, 0 to 1, by length of time."""
        total = sum((each.end - each.start for each in self.windows), timedelta())
        return sum(each.seconds_done for each in self.windows) / total.total_seconds()
