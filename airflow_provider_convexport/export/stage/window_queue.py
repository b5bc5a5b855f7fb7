"""The windows of a run and how far each has been walked."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_convexport.export.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterable


class WindowState(msgspec.Struct):
    """One request window.

    :param start: Start in UTC, closed.
    :param end: End in UTC, open.
    :param url: Path and query of the next page to fetch; ``None`` before the first one.
    :param done: True once its last page was staged.
    :param reached: Latest time among the records of the last page, epoch seconds; only for estimates.
    :param is_piece: True if it was cut from a longer window; then it is not cut again.
    """

    start: datetime
    end: datetime
    url: str | None = None
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
class Frontier:
    """All windows of a run: done, being walked, and waiting. Guarded by its user's lock.

    :param states: Every window, in order of time.
    """

    states: list[WindowState]
    _waiting: deque[WindowState] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._waiting.extend(state for state in self.states if not state.done)

    @classmethod
    def of(cls, windows: Iterable[Window]) -> Frontier:
        """Return the frontier of a run that begins."""
        return cls([WindowState(window.start, window.end) for window in windows])

    def take(self) -> WindowState | None:
        """Return a window to walk, ``None`` if none is waiting."""
        return self._waiting.popleft() if self._waiting else None

    @property
    def waiting(self) -> int:
        """Number of windows that nobody walks yet."""
        return len(self._waiting)

    def cut(self, state: WindowState, *, pieces: int) -> None:
        """Replace a window by shorter ones that together cover all of it, to be walked side by side.

        Nothing is assumed about the order in which the vendor returns records, so the pieces cover what was
        fetched already, too; what comes twice is dropped.
        """
        window = state.window
        seconds = int(window.length.total_seconds())
        step = timedelta(seconds=max(-(-seconds // pieces), 1))
        parts = [WindowState(piece.start, piece.end, is_piece=True) for piece in window.split(step)]
        position = self.states.index(state)
        self.states[position : position + 1] = parts
        self._waiting.extendleft(reversed(parts))

    def forget_cursors(self) -> None:
        """Let every window that is not done begin again at its first page."""
        for state in self.states:
            if not state.done:
                state.url = None

    @property
    def share_done(self) -> float:
        """Estimate of the share of the interval that is done, 0 to 1, by length of time."""
        total = sum((state.end - state.start for state in self.states), timedelta())
        return sum(state.seconds_done for state in self.states) / total.total_seconds()
