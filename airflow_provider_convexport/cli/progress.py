"""A progress bar for commands, on a terminal, once they take longer than a second."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

_DELAY = 1.0
"""Seconds after which the bar appears."""


class Progress(Protocol):
    """Shows how far a command is."""

    def begin(self, what: str, *, total: int | None = None) -> None:
        """Begin a step of the command.

        :param what: The step, in words.
        :param total: How often `advance` will be called; ``None`` if that is not known.
        """

    def advance(self) -> None:
        """Count one more."""


class _NoProgress:
    def begin(self, what: str, *, total: int | None = None) -> None:
        """Show nothing."""

    def advance(self) -> None:
        """Show nothing."""


NO_PROGRESS: Progress = _NoProgress()
"""Shows nothing."""


@contextmanager
def progress_bar(*, stream: TextIO | None = None, delay: float = _DELAY) -> Iterator[Progress]:
    """Show the progress of the block on a terminal; what was shown is removed at the end.

    :param stream: Where it is shown if that is a terminal; the standard error if left out.
    :param delay: Seconds after which it appears.
    """
    stream = sys.stderr if stream is None else stream
    if not stream.isatty():
        yield NO_PROGRESS
        return
    bar = _Bar(stream)
    timer = threading.Timer(delay, bar.rich.start)
    timer.daemon = True
    timer.start()
    try:
        yield bar
    finally:
        timer.cancel()
        timer.join()
        if bar.rich.live.is_started:
            bar.rich.stop()


class _Bar:
    """A bar with the number of what is done; its methods do little until it is shown."""

    rich: RichProgress
    _task: TaskID

    def __init__(self, stream: TextIO) -> None:
        # Loaded here because only a person at a terminal needs it.
        from rich.console import Console  # noqa: PLC0415 - see above
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
        from rich.progress import Progress as Rich  # noqa: PLC0415

        self.rich = Rich(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(file=stream),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self.rich.add_task("", total=None)

    def begin(self, what: str, *, total: int | None = None) -> None:
        self.rich.remove_task(self._task)
        self._task = self.rich.add_task(what, total=total)

    def advance(self) -> None:
        self.rich.advance(self._task)
