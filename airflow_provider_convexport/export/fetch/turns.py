"""Lets the threads of a process ask for something one at a time, in the order in which they came."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LOOK_UP = 0.5
"""Seconds after which a waiting thread checks whether it should still wait."""


@dataclass(slots=True)
class Turns:
    """Queues of threads, one for each name; the first thread of a queue has its turn.

    Without them, all threads that wait for a permit wake at the same moment, and all but one ask in vain.
    A forked process starts with empty queues.
    """

    _queues: defaultdict[str, deque[threading.Event]] = field(default_factory=lambda: defaultdict(deque))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _pid: int = field(default_factory=os.getpid)

    @contextlib.contextmanager
    def turn(self, name: str, check: Callable[[], None]) -> Iterator[float]:
        """Wait for this thread's turn, which lasts for the block, and yield the seconds waited.

        :param name: Name of the queue.
        :param check: Called about twice a second while waiting; may raise to end the wait.
        """
        self._forget_other_process()
        mine, start = threading.Event(), time.monotonic()
        with self._lock:
            queue = self._queues[name]
            queue.append(mine)
            is_first = queue[0] is mine
        try:
            while not (is_first or mine.wait(_LOOK_UP)):
                check()
            yield 0.0 if is_first else time.monotonic() - start
        finally:
            with self._lock:
                queue.remove(mine)
                if queue:
                    queue[0].set()

    def _forget_other_process(self) -> None:
        if self._pid != os.getpid():
            self._queues, self._lock, self._pid = defaultdict(deque), threading.Lock(), os.getpid()
