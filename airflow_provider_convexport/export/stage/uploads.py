"""Uploads: operations of the store in their order, in a thread of their own, while pages are fetched."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_WAITING = 4
"""Operations that may wait or run before those of one more save: two saves in all."""


@dataclass(slots=True)
class Uploads:
    """Performs operations one after the other; after one has failed, no further one is performed.

    :param max_waiting: While so many operations wait or run, the thread that submits further ones waits, so
        that memory stays bounded however slow the store is.
    """

    max_waiting: int = _MAX_WAITING
    _waiting: deque[Callable[[], None]] = field(default_factory=deque)
    _error: BaseException | None = None
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def submit(self, *operations: Callable[[], None]) -> None:
        """Perform operations soon, in their order, after all that were submitted before them.

        :raises BaseException: what an earlier operation has raised; then these are not performed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._error or len(self._waiting) < self.max_waiting)
            self._check()
            is_idle = not self._waiting
            self._waiting += operations
            if is_idle and operations:
                # A daemon, which never keeps a task from ending.
                threading.Thread(target=self._perform, name="convexport_upload", daemon=True).start()

    def wait(self) -> None:
        """Wait until all operations have been performed, or one has failed."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting)

    def finish(self) -> None:
        """Wait until all operations have been performed.

        :raises BaseException: what one of them has raised.
        """
        self.wait()
        with self._changed:
            self._check()

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _perform(self) -> None:
        """Perform operations until none is waiting."""
        while True:
            try:
                self._waiting[0]()
            except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that submits
                self._end(error)
                return
            with self._changed:
                self._waiting.popleft()
                self._changed.notify_all()
                if not self._waiting:
                    return

    def _end(self, error: BaseException) -> None:
        with self._changed:
            self._error = error
            self._waiting.clear()
            self._changed.notify_all()
