"""Fetches every request window of a run and stages its records; resumes where an earlier attempt stopped."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_convexport.errors import RateLimitedError, VendorRejectedError
from airflow_provider_convexport.export.fetch.pages import paginate
from airflow_provider_convexport.export.fetch.usage import Usage
from airflow_provider_convexport.export.fetch.window_evidence import check_page
from airflow_provider_convexport.export.stage.checkpoint import Checkpoint
from airflow_provider_convexport.export.stage.collected import Collected
from airflow_provider_convexport.export.stage.dedup import RecentIds
from airflow_provider_convexport.export.stage.partitioner import Partitioner
from airflow_provider_convexport.export.stage.pauses import count_pause
from airflow_provider_convexport.export.stage.progress import Progress, Reporter
from airflow_provider_convexport.export.stage.stager import Stager
from airflow_provider_convexport.export.stage.tuning import Tuning
from airflow_provider_convexport.export.stage.uploads import Uploads
from airflow_provider_convexport.export.stage.window_queue import WindowQueue
from airflow_provider_convexport.export.stage.workers import run_workers, within

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_convexport.export.dataset.partition import PartitionGrid
    from airflow_provider_convexport.export.fetch.client import Client
    from airflow_provider_convexport.export.fetch.pages import FetchedPage
    from airflow_provider_convexport.export.fetch.stream import Query
    from airflow_provider_convexport.export.stage.attempt import Attempt
    from airflow_provider_convexport.export.stage.window_queue import RequestWindow
    from airflow_provider_convexport.export.window import Window

log = logging.getLogger(__name__)

_PAGES_PER_PIECE = 16
_MAX_PIECES_PER_THREAD = 8
_MAX_RESTARTS = 3
_LAST_SAVE = 2.5
"""Seconds for saving when the task is told to end: Airflow kills it five seconds after SIGTERM."""
_CURSOR_REJECTED = frozenset((400, 404, 410, 422))
"""Statuses with which vendors may reject an expired cursor; for a first page they are final."""


@dataclass(slots=True)
class Collector:
    """Fetches the request windows of a run, several concurrently, and stages their records.

    :param client: Sends the requests.
    :param query: What is exported.
    :param grid: The run's partitions.
    :param interval: The span of time that is requested from the vendor.
    :param attempt: The running attempt; its folder receives the staged objects and checkpoints.
    :param concurrency: Number of request windows fetched concurrently; ``None`` for the stream's default.
    :param reporter: Reports progress.
    :param max_pause: Maximum total time for which the vendor may ask this task to pause.
    :param tuning: Intervals and sizes of staging, and memory for deduplication.
    :param now: Returns the current time as epoch seconds.
    """

    client: Client
    query: Query
    grid: PartitionGrid
    interval: Window
    attempt: Attempt
    concurrency: int | None = None
    reporter: Reporter = field(default_factory=Reporter)
    max_pause: timedelta = timedelta(days=2)
    tuning: Tuning = field(default_factory=Tuning)
    now: Callable[[], float] = time.time
    _queue: WindowQueue = field(init=False)
    _partitioner: Partitioner = field(init=False)
    _stager: Stager = field(init=False)
    _earlier: Usage = field(default_factory=Usage)
    _requested_at: float = field(init=False)
    _share_at_start: float = 0.0
    _uploads: Uploads = field(default_factory=Uploads)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)
    _is_consistent: bool = True

    def __post_init__(self) -> None:
        self._queue = WindowQueue.of(self.query.windows(self.interval))
        recent = RecentIds(capacity=self.tuning.remembered_ids)
        self._partitioner = Partitioner(self.grid, recent=recent, reach=self.query.stream.reach)
        self._stager = Stager(self.attempt, self.tuning)
        self._requested_at = self.now()

    def resume(self, checkpoint: Checkpoint) -> None:
        """Continue from an earlier attempt's checkpoint; call before `run`."""
        self._queue = WindowQueue(checkpoint.windows)
        if checkpoint.saved_at < self.now() - self.tuning.cursor_max_age.total_seconds():
            self._queue.forget_cursors()
        self._share_at_start = self._queue.share_done
        self._stager.segments = checkpoint.segments
        self._partitioner.counts = checkpoint.counts
        # The ids of earlier attempts are not in memory, so duplicates are searched for at the end.
        self._partitioner.recent.forgot = bool(checkpoint.segments)
        self._earlier = checkpoint.usage
        self._requested_at = checkpoint.requested_at

    def run(self) -> Collected:
        """Fetch all request windows; what was fetched is staged with a checkpoint even if an error occurs.

        The exception is an error while a page is being processed (a failing store, a signal): the state in
        memory is then inconsistent, and a checkpoint of it could lose or duplicate records, so the previous
        checkpoint stays valid. It also stays valid if a signal ends the task (a timeout, SIGTERM, an
        interrupt from the keyboard) and the store does not take another one within seconds.

        :raises IncompleteExportError: if pagination does not advance, a response is invalid, or the vendor
            has asked for more than ``max_pause`` in total.
        :raises RateLimitedError: if the vendor asks for a pause that is too long to occupy a worker slot.
        :raises SupersededError: if a newer attempt has taken over.
        :raises VendorRejectedError: if the vendor rejects a request.
        :raises VendorUnavailableError: if the vendor fails after all tries.
        :raises WindowContradictedError: if a record disproves the query's ``window_on``.
        """
        try:
            self._fetch_and_save()
        except BaseException:
            self._stager.ids.close()
            raise
        finally:
            self.client.rest()
        return Collected(
            requested_at=self._requested_at,
            segments=self._stager.segments,
            counts=self._partitioner.counts,
            usage=self._usage,
            may_hold_duplicates=self._partitioner.recent.forgot,
            ids=self._stager.ids,
            latest=self._stager.latest,
        )

    def _fetch_and_save(self) -> None:
        is_told_to_end = True  # by a signal, which raises what is not an Exception
        is_complete = False
        try:
            self._fetch_windows()
            is_told_to_end = False
            is_complete = True
        except Exception as error:
            is_told_to_end = False
            if isinstance(error, RateLimitedError):
                self._count_pause(error)
            raise
        finally:
            if not is_told_to_end:
                self._save_at_last(is_complete=is_complete)
            elif not within(_LAST_SAVE, self._save_at_last):
                log.warning("The task is told to end; the next try resumes from the last checkpoint.")

    @property
    def _threads(self) -> int:
        return self.concurrency or self.query.stream.concurrency

    @property
    def _usage(self) -> Usage:
        return self._earlier + self.client.usage

    def _count_pause(self, error: RateLimitedError) -> None:
        count_pause(self.attempt, error, max_pause=self.max_pause, now=self.now())
        self._earlier += Usage(paused_seconds=error.retry_after.total_seconds())

    def _fetch_windows(self) -> None:
        self._fetch_next()
        if self._threads > 1 and self._queue.waiting:
            run_workers(
                self._threads, self._fetch_all, client=self.client, stop=self._stop, tick=self._report
            )
        while self._queue.waiting:
            self._fetch_next()

    def _save_at_last(self, *, is_complete: bool = False) -> None:
        with self._lock:
            if self._is_consistent:
                # The plan, which is written at once, takes the place of a checkpoint.
                self._save(with_checkpoint=not is_complete or self._partitioner.recent.forgot)
                self._uploads.finish()
            self._is_consistent = False  # a thread that was left to itself keeps no page any more
        self._uploads.wait()

    def _fetch_all(self) -> None:
        while not self._stop.is_set() and self._fetch_next():
            pass

    def _fetch_next(self) -> bool:
        with self._lock:
            window = self._queue.take()
        if window is None:
            return False
        for restarts in range(_MAX_RESTARTS + 1):
            try:
                self._fetch(window)
            except VendorRejectedError as error:
                is_first = window.next_request is None
                if is_first or error.status not in _CURSOR_REJECTED or restarts == _MAX_RESTARTS:
                    raise
                log.warning(
                    "%s answered a cursor with status %d, as if it had expired (request id %s), so the "
                    "request window %s starts again from its first page.",
                    error.endpoint,
                    error.status,
                    error.request_id or "not given",
                    window.window,
                )
                with self._lock:
                    self._queue.restart(window)
            else:
                break
        return True

    def _fetch(self, window: RequestWindow) -> None:
        is_first = window.next_request is None
        start = window.next_request or self.query.first_request(window.window)
        for fetched in paginate(self.client, self.query, start=start):
            with self._lock:
                if not self._is_consistent:
                    self._stop.set()
                    return
                check_page(self.query, fetched.page, window.window, requested_at=self._requested_at)
                self._keep(fetched, window)
                if is_first and self._should_split(fetched, window):
                    self._queue.split(window, pieces=self._pieces(fetched, window))
                    return
            del fetched  # so that its memory is free while the next page is received
            is_first = False
            if self._stop.is_set():
                return
            if threading.current_thread() is threading.main_thread():
                self._report()

    def _keep(self, fetched: FetchedPage, window: RequestWindow) -> None:
        self._is_consistent = False
        page, following = fetched.page, fetched.next_request
        self._stager.add(self._partitioner.take(page, window.window))
        # Without the host, which may have changed when a later try resumes from here.
        relative = None if following is None else following.relative_to(self.client.base_url)
        self._queue.advance(window, to=relative, reached=page.last)
        if self._stager.is_due:
            self._save()
        self._is_consistent = True

    def _should_split(self, fetched: FetchedPage, window: RequestWindow) -> bool:
        """Return whether a window has more than one page while some threads have no window."""
        return (
            fetched.next_request is not None
            and not window.is_piece
            and self._queue.waiting < self._threads - 1
        )

    def _pieces(self, fetched: FetchedPage, window: RequestWindow) -> int:
        """Estimate how many pieces a window should be split into; a bad estimate only costs requests."""
        start = window.window.start.timestamp()
        covered = 0.0 if fetched.page.last is None else fetched.page.last - start
        pages = window.window.length.total_seconds() / covered if covered > 0 else 1.0
        rounds = int(pages) // (_PAGES_PER_PIECE * self._threads)
        return self._threads * min(max(rounds, 1), _MAX_PIECES_PER_THREAD)

    def _report(self) -> None:
        """Report if a report is due; call in the task's main thread, as Airflow's state store requires."""
        if self.reporter.is_due:
            with self._lock:
                progress = self.progress()
            self.reporter.report(progress)

    def progress(self) -> Progress:
        """Return the progress of the collection."""
        return Progress(
            records=self._partitioner.counts.records,
            usage=self.client.usage,
            share=self._queue.share_done,
            seconds=self.reporter.seconds,
            share_at_start=self._share_at_start,
        )

    def _save(self, *, with_checkpoint: bool = True) -> None:
        """Save what is in memory while the next pages are fetched; an error is raised by the next save."""
        operations: list[Callable[[], None]] = []

        def put(name: str, content: bytes) -> None:
            operations.append(partial(self.attempt.store.put, name, content))

        self._stager.flush(put)
        if with_checkpoint:
            operations.append(self.attempt.check)
            self.attempt.save_checkpoint(self._checkpoint(), put, changed=self._queue.changed())
        self._uploads.submit(*operations)

    def _checkpoint(self) -> Checkpoint:
        return Checkpoint(
            saved_at=self.now(),
            requested_at=self._requested_at,
            windows=self._queue.windows,
            segments=self._stager.segments,
            counts=self._partitioner.counts,
            usage=self._usage,
        )
