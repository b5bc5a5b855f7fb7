"""Uploads: operations of the store in their order, in a thread of their own, while pages are fetched."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_WAITING = 6
"""Operations that may wait or run: those of two saves."""


@dataclass(slots=True)
class Uploads:
    """Performs operations one after the other; after one has failed, no further one is performed.

    :param max_waiting: Maximum number of operations that wait or run; a further one waits for its turn in the
        calling thread, so that memory stays bounded however slow the store is.
    """

    max_waiting: int = _MAX_WAITING
    _waiting: deque[Callable[[], None]] = field(default_factory=deque)
    _error: BaseException | None = None
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def submit(self, operation: Callable[[], None]) -> None:
        """Perform an operation soon, after all that were submitted before it.

        :raises BaseException: what an earlier operation has raised; then this one is not performed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._error or len(self._waiting) < self.max_waiting)
            self._check()
            self._waiting.append(operation)
            if len(self._waiting) == 1:
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
