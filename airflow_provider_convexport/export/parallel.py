"""Calls a function for many items in a bounded number of threads, with backpressure."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


def in_parallel(
    function: Callable[[ItemT], ResultT], items: Iterable[ItemT], *, threads: int, patience: float = 0.0
) -> Iterator[tuple[ItemT, ResultT]]:
    """Call a function for each item in several threads; yield each item with its result, once it is there.

    At most ``threads`` items are in flight: taken from ``items`` and not yet yielded. Further items are taken
    only when the caller takes results, so that neither items nor results accumulate in memory. ``items`` is
    iterated in the calling thread. Results are not in the order of the items.

    The first error of a call, of ``items`` or of the caller ends everything: no further call begins, and
    the error is raised after at most ``patience`` seconds; at once, if it is one that ends the task, such
    as a timeout. The threads are daemons that end after their current call, so that a call that hangs
    does not keep the process from ending.

    :param function: What to call; it must be thread-safe.
    :param items: What to call it with.
    :param threads: Maximum number of threads; only as many are started as there are items in flight. With 1,
        none is started.
    :param patience: Seconds to wait, at the end, for the calls that are still running. Leave it at 0 for
        calls that only read; allow time for calls that write, so that none still writes when the error is
        raised.
    """
    if threads == 1:
        for item in items:
            yield item, function(item)
        return
    pool: _Pool[ItemT, ResultT] = _Pool(function, threads)
    waited = 0.0
    try:
        for item in items:
            pool.submit(item)
            while pool.is_full or pool.has_result:
                yield pool.take()
        while pool.in_flight:
            yield pool.take()
    except Exception:
        waited = patience
        raise
    finally:
        pool.end(waited)


@dataclass(slots=True)
class _Pool(Generic[ItemT, ResultT]):
    function: Callable[[ItemT], ResultT]
    limit: int
    in_flight: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _waiting: queue.SimpleQueue[tuple[ItemT] | None] = field(default_factory=queue.SimpleQueue)
    _done: queue.SimpleQueue[tuple[ItemT, ResultT] | BaseException] = field(default_factory=queue.SimpleQueue)

    @property
    def is_full(self) -> bool:
        """Return whether as many items are in flight as there may be."""
        return self.in_flight >= self.limit

    @property
    def has_result(self) -> bool:
        """Return whether `take` returns at once."""
        return not self._done.empty()

    def submit(self, item: ItemT) -> None:
        """Begin a call in a thread."""
        self.in_flight += 1
        self._waiting.put((item,))
        if len(self._threads) < self.in_flight:
            name = f"convexport_parallel_{len(self._threads)}"
            self._threads.append(threading.Thread(target=self._work, name=name, daemon=True))
            self._threads[-1].start()

    def take(self) -> tuple[ItemT, ResultT]:
        """Wait for the next result, and return it with its item; raise the error of a call that failed."""
        done = self._done.get()
        self.in_flight -= 1
        if isinstance(done, BaseException):
            raise done
        return done

    def end(self, patience: float) -> None:
        """Let the threads end, and wait for them for at most ``patience`` seconds."""
        self._ended.set()
        for _ in self._threads:
            self._waiting.put(None)
        deadline = time.monotonic() + patience
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0.0))

    def _work(self) -> None:
        while (item := self._waiting.get()) is not None and not self._ended.is_set():
            try:
                self._done.put((item[0], self.function(item[0])))
            except BaseException as error:  # noqa: BLE001 - it is raised again in the calling thread
                self._done.put(error)
                return
