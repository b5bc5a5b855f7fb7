"""Threads of one run, as greenlets: before every operation another one of them may go on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from greenlet import GreenletExit, getcurrent, greenlet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.model.schedule import Scheduler


def parallel_in(scheduler: Scheduler) -> Callable[..., Iterator[tuple[Any, Any]]]:
    """Return what takes the place of `in_parallel` where all runs are greenlets of one thread."""

    def in_parallel(
        function: Callable[[Any], Any], items: Iterable[Any], *, threads: int, patience: float = 0.0
    ) -> Iterator[tuple[Any, Any]]:
        del threads, patience
        actor = scheduler.current
        assert actor is not None
        outer = actor.crew
        main = actor.crew = getcurrent()
        done: list[tuple[Any, Any]] = []
        failed: list[BaseException] = []
        crew = [greenlet(partial(_run, function, item, done, failed), main) for item in items]
        try:
            while crew:
                actor.thread = scheduler.chance.choice(crew)
                actor.thread.switch()
                actor.thread = main
                if scheduler.is_closed:
                    raise GreenletExit
                crew = [each for each in crew if not each.dead]
                # After an error the others have time to end.
                while done and not failed:
                    yield done.pop()
            if failed:
                raise failed[0]
            yield from done
        finally:
            actor.crew = outer

    return in_parallel


def _run(
    function: Callable[[Any], Any], item: Any, done: list[tuple[Any, Any]], failed: list[BaseException]
) -> None:
    try:
        done.append((item, function(item)))
    except Exception as error:  # noqa: BLE001 - it is raised again in the run's own greenlet
        failed.append(error)
