"""Threads that fetch concurrently, and that never keep a task from ending."""

from __future__ import annotations

import logging
import queue
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_convexport.export.fetch.client import Client

log = logging.getLogger(__name__)

_PATIENCE = 10.0
"""Seconds in which, after an error of one thread, the others may complete the pages that they are reading."""
_SHUTDOWN = 1.0
"""Seconds in which threads end whose sockets have been shut down; then they are left to themselves."""


def run_workers(
    count: int,
    work: Callable[[], None],
    *,
    client: Client,
    stop: threading.Event,
    tick: Callable[[], None],
) -> None:
    """Do the same work in several threads until it is done, and raise the first error of one of them.

    The threads are daemons: neither this function nor the end of the process waits for one that hangs.

    :param count: Number of threads.
    :param work: What each thread does; it returns soon after ``stop`` is set.
    :param client: What the threads send requests with; it is shut down when they have to end.
    :param stop: Set when the threads have to end.
    :param tick: Called in the calling thread about once a second.
    """
    results = queue.SimpleQueue[BaseException | None]()

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - it is raised again in the calling thread
            results.put(error)
        else:
            results.put(None)

    threads = [
        threading.Thread(target=run, name=f"convexport_{number}", daemon=True) for number in range(count)
    ]
    patience = 0.0
    try:
        for thread in threads:
            thread.start()
        error = _first_error(results, count, tick)
        patience = _PATIENCE
    except Exception:
        patience = _PATIENCE
        raise
    finally:
        stop.set()
        _end(threads, client, patience)
    if error is not None:
        raise error


def within(seconds: float, action: Callable[[], None]) -> bool:
    """Perform an action in a daemon thread, and return whether it was done in time.

    :param seconds: Seconds to wait for it; it goes on afterwards, as long as the process exists.
    :param action: What to do; its errors are logged.
    """
    done = threading.Event()

    def run() -> None:
        try:
            action()
        except Exception as error:  # noqa: BLE001 - the calling thread raises another error already
            log.warning("Progress could not be saved (%s).", type(error).__name__)
        else:
            done.set()

    thread = threading.Thread(target=run, name="convexport_save", daemon=True)
    thread.start()
    thread.join(seconds)
    return done.is_set()


def _first_error(
    results: queue.SimpleQueue[BaseException | None], count: int, tick: Callable[[], None]
) -> BaseException | None:
    """Wait until all threads are done or one fails; return its error."""
    while count:
        try:
            error = results.get(timeout=1.0)
        except queue.Empty:
            pass
        else:
            count -= 1
            if error is not None:
                return error
        tick()
    return None


def _end(threads: Sequence[threading.Thread], client: Client, patience: float) -> None:
    """End the threads, at first by letting them complete what they are reading, if there is time."""
    if not any(thread.is_alive() for thread in threads):
        return
    if patience:
        client.end()
        _join(threads, patience)
    client.shut_down()
    _join(threads, _SHUTDOWN)


def _join(threads: Sequence[threading.Thread], seconds: float) -> None:
    end = time.monotonic() + seconds
    for thread in threads:
        if thread.ident is not None:
            thread.join(max(end - time.monotonic(), 0.0))
