"""Fetches every window of a run and stages its records; goes on where an earlier attempt stopped."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_provider_convexport.errors import IncompleteExportError, RateLimitedError, VendorRejectedError
from airflow_provider_convexport.export.fetch.pagination import walk
from airflow_provider_convexport.export.stage.progress import Progress, Reporter
from airflow_provider_convexport.export.stage.stager import Checkpoint, Effort

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_convexport.export.fetch.client import Client
    from airflow_provider_convexport.export.fetch.pagination import Step
    from airflow_provider_convexport.export.fetch.stream import Query
    from airflow_provider_convexport.export.stage.partitioner import Intake
    from airflow_provider_convexport.export.stage.stager import Stager
    from airflow_provider_convexport.export.stage.window_queue import Frontier, WindowState

log = logging.getLogger(__name__)

_PAGES_PER_PIECE = 16
_MOST_PIECES_PER_WALKER = 8
_MOST_RESTARTS = 3
_CURSOR_REFUSED = frozenset((400, 404, 410, 422))
"""How vendors may refuse a cursor that has grown old; on a first page the same statuses are final."""


@dataclass(slots=True)
class Collector:
    """Walks the windows of a run, several at a time, into the staging folder.

    :param client: Sends the requests.
    :param query: What is exported.
    :param intake: Decides what is kept.
    :param stager: Holds and stages what is kept.
    :param frontier: The windows and their progress.
    :param concurrency: Windows walked at a time.
    :param reporter: Says how far it is.
    :param max_pause: Longest time that the vendor may ask this task to pause for, in total.
    :param earlier: What earlier attempts asked of the vendor.
    :param now: Tells the present moment as epoch seconds.
    """

    client: Client
    query: Query
    intake: Intake
    stager: Stager
    frontier: Frontier
    concurrency: int = 1
    reporter: Reporter = field(default_factory=Reporter)
    max_pause: timedelta = timedelta(days=2)
    earlier: Effort = field(default_factory=Effort)
    now: Callable[[], float] = time.time
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)
    _is_whole: bool = True
    _begun_at_share: float = field(init=False)

    def __post_init__(self) -> None:
        self._begun_at_share = self.frontier.share_done

    def run(self) -> None:
        """Walk until no window is left; whatever ends it, what was fetched is staged with a checkpoint.

        Unless it ends in the middle of keeping a page (a store that fails, a signal): then what is held is
        not whole, and a checkpoint of it would lose or double records; the last one stands instead.
        """
        try:
            self._walk_one()
            if self.concurrency > 1 and self.frontier.waiting:
                self._walk_side_by_side()
            while self.frontier.waiting:
                self._walk_one()
        except RateLimitedError as error:
            self._count_pause(error)
            raise
        finally:
            with self._lock:
                if self._is_whole:
                    self._save()

    def _count_pause(self, error: RateLimitedError) -> None:
        self.earlier.paused_seconds += error.retry_after.total_seconds()
        if self.earlier.paused_seconds > self.max_pause.total_seconds():
            total = timedelta(seconds=round(self.earlier.paused_seconds))
            raise IncompleteExportError(
                f"{error.endpoint} asked for pauses of {total} in total, longer than "
                f"max_pause={self.max_pause}; nothing was published, and progress is kept for a later retry. "
                "Look for other programs that use up the vendor's limit."
            ) from error

    @property
    def effort(self) -> Effort:
        """What all attempts together asked of the vendor."""
        traffic = self.client.traffic
        return Effort(
            requests=self.earlier.requests + traffic.requests,
            throttled_seconds=self.earlier.throttled_seconds + traffic.throttled_seconds,
            paused_seconds=self.earlier.paused_seconds,
        )

    def _walk_side_by_side(self) -> None:
        with ThreadPoolExecutor(self.concurrency, thread_name_prefix="convexport") as pool:
            walkers = [pool.submit(self._walk_all) for _ in range(self.concurrency)]
            try:
                waiting = set(walkers)
                while waiting and not any(walker.done() and walker.exception() for walker in walkers):
                    _, waiting = wait(waiting, timeout=1.0, return_when=FIRST_EXCEPTION)
                    self._report()
            finally:
                self._stop.set()
        for walker in walkers:
            walker.result()

    def _walk_all(self) -> None:
        while not self._stop.is_set() and self._walk_one():
            pass

    def _walk_one(self) -> bool:
        with self._lock:
            state = self.frontier.take()
        if state is None:
            return False
        for restarts in range(_MOST_RESTARTS + 1):
            try:
                self._walk_window(state)
            except VendorRejectedError as error:
                if state.url is None or error.status not in _CURSOR_REFUSED or restarts == _MOST_RESTARTS:
                    raise
                log.warning("%s The window %s begins again.", error, state.window)
                state.url = None
            else:
                break
        return True

    def _walk_window(self, state: WindowState) -> None:
        is_first = state.url is None
        start = state.url or self.query.first_url(state.window)
        for step in walk(self.client, self.query, start=start):
            with self._lock:
                if not self._is_whole:
                    self._stop.set()
                    return
                self._keep(step, state)
                if is_first and self._should_cut(step, state):
                    self.frontier.cut(state, pieces=self._pieces(step, state))
                    return
            is_first = False
            if self._stop.is_set():
                return
            if threading.current_thread() is threading.main_thread():
                self._report()

    def _keep(self, step: Step, state: WindowState) -> None:
        self._is_whole = False
        self.stager.add(self.intake.take(step.page, state.window))
        # Without the host, which may have moved when a later try goes on from here.
        state.url = None if step.next_url is None else step.next_url.removeprefix(self.client.base_url)
        state.done = step.next_url is None
        state.reached = max((each for each in step.page.moments if each is not None), default=state.reached)
        if self.stager.is_due:
            self._save()
        self._is_whole = True

    def _should_cut(self, step: Step, state: WindowState) -> bool:
        """More than one page, and not enough windows for everybody: cut this one."""
        return (
            step.next_url is not None and not state.is_piece and self.frontier.waiting < self.concurrency - 1
        )

    def _pieces(self, step: Step, state: WindowState) -> int:
        """Guess into how many pieces a window is best cut; a wrong guess costs requests, never records."""
        moments = [moment for moment in step.page.moments if moment is not None]
        begun = state.window.start.timestamp()
        covered = max(moments, default=begun) - begun
        pages = state.window.length.total_seconds() / covered if covered > 0 else 1.0
        rounds = int(pages) // (_PAGES_PER_PIECE * self.concurrency)
        return self.concurrency * min(max(rounds, 1), _MOST_PIECES_PER_WALKER)

    def _report(self) -> None:
        """Report, if it is time, from the thread that runs the task: Airflow's state store wants that."""
        if self.reporter.is_due:
            with self._lock:
                progress = self.progress()
            self.reporter.say(progress)

    def progress(self) -> Progress:
        """Return how far it is."""
        return Progress(
            records=self.intake.counts.records,
            pages=self.intake.counts.pages,
            requests=self.client.traffic.requests,
            share=self.frontier.share_done,
            throttled_seconds=self.client.traffic.throttled_seconds,
            seconds=self.reporter.seconds,
            begun_at_share=self._begun_at_share,
        )

    def _save(self) -> None:
        self.stager.flush()
        attempt = self.stager.attempt
        attempt.check()
        attempt.save_checkpoint(
            Checkpoint(
                saved_at=self.now(),
                windows=self.frontier.states,
                segments=self.stager.segments,
                counts=self.intake.counts,
                effort=self.effort,
            )
        )
