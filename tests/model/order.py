"""One order: three tries of one task and one or two of another, disturbed; then each task once more."""

from __future__ import annotations

import random
import secrets
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from airflow_provider_convexport.errors import IncompleteExportError, SupersededError
from airflow_provider_convexport.export import run
from airflow_provider_convexport.export.dataset import survey
from airflow_provider_convexport.export.job import Job, TaskTry
from airflow_provider_convexport.export.publish import publish
from airflow_provider_convexport.export.publish.staged_reader import StagedReader
from airflow_provider_convexport.export.window import Window
from tests.model.laws import EXPECTED_END, Laws
from tests.model.memory import Bucket, model_store
from tests.model.parallel import parallel_in
from tests.model.schedule import Actor, Scheduler, Style, Violation
from tests.model.vendor import NOON, ModelExport, Vendor
from tests.support.samples import APRIL_1, DAY, query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_convexport.export.dataset.partition import PartitionGrid

LOG = publish.log
"""Says for each partition that is kept why, which is usual here."""
TOO_OLD = timedelta(seconds=2)
"""A `checkpoint_max_age` that work of an earlier attempt soon exceeds."""


def _days(first: int, last: int) -> Window:
    return Window(APRIL_1 + first * DAY, APRIL_1 + last * DAY)


BASE: dict[str, dict[str, Any]] = {
    "A": {"interval": _days(0, 2)},
    "B": {"interval": _days(1, 3)},
}
CHANGES: dict[str, dict[str, dict[str, Any]]] = {
    "A": {
        "other file size": {"target_file_bytes": 1},
        "clip": {"kept_from": APRIL_1 + timedelta(seconds=NOON)},
        "later days": {"interval": _days(1, 3)},
        "fewer days": {"interval": _days(1, 2)},
        "too old": {"checkpoint_max_age": TOO_OLD},
        "skip unchanged": {"skip_unchanged": True},
    },
    "B": {
        "other file size": {"target_file_bytes": 1},
        "clip": {"kept_from": APRIL_1 + DAY + timedelta(seconds=NOON)},
        "earlier days": {"interval": _days(0, 2)},
        "too old": {"checkpoint_max_age": TOO_OLD},
        "skip unchanged": {"skip_unchanged": True},
    },
}


class ModelJob(Job):
    """A job that computes what never changes only once, since all orders share their jobs."""

    __slots__ = ()

    def grid(self) -> PartitionGrid:
        return _remembered(self, "grid", super().grid)

    @property
    def task_key(self) -> str:
        return _remembered(self, "task_key", lambda: Job.task_key.fget(self))

    @property
    def fingerprint(self) -> str:
        return _remembered(self, "fingerprint", lambda: Job.fingerprint.fget(self))


_REMEMBERED: dict[tuple[int, str], Any] = {}


def _remembered(job: ModelJob, what: str, compute: Callable[[], Any]) -> Any:
    key = id(job), what
    if key not in _REMEMBERED:
        _REMEMBERED[key] = compute()
    return _REMEMBERED[key]


@cache
def _job(task: str, change: str, order: int, *, skips: bool) -> Job:
    facts = {"query": _QUERY, "compression": "none", "skip_unchanged": skips, **BASE[task]}
    facts |= CHANGES[task].get(change, {})
    who = TaskTry(dag_id="dag", task_id=task, run_id="run", try_number=order, order=order)
    return ModelJob(**facts, task=who)


_QUERY = query()


@dataclass(slots=True)
class Result:
    """What came of an order.

    :param seed: The seed that it can be replayed with.
    :param violation: The first invariant that did not hold.
    :param steps: Operations on the store.
    :param events: Switches, kills and times of sleep.
    :param digest: The same for the same order of operations.
    :param endings: How the actors ended, by name of the error.
    """

    seed: int
    violation: Violation | None
    steps: int
    events: int
    digest: bytes
    endings: list[str]


class Order:
    """One order of events.

    :param seed: Everything that is random in it comes from this seed.
    :param is_conditional: Whether the store has conditional writes.
    :param story: If given, receives one line for every operation.
    :param ignored: Invariants that are not checked.
    """

    def __init__(
        self,
        seed: int,
        *,
        is_conditional: bool = True,
        story: list[str] | None = None,
        ignored: Iterable[str] = (),
    ) -> None:
        chance = random.Random(seed)
        self.seed = seed
        self.chance = chance
        self.scheduler = Scheduler(chance, Style.of(chance), story)
        self.vendor = Vendor.of(chance)
        self.laws = Laws(
            self.vendor, self.scheduler, saves_often=chance.random() < 0.6, ignored=frozenset(ignored)
        )
        is_disk = chance.random() < 0.25
        # With a coarse clock, two manifests that differ by their time alone may be the same.
        has_digests = is_disk or chance.random() < 0.5
        if has_digests:
            self.vendor.tick = 1.0
        self.bucket = self.laws.bucket = Bucket(
            self.scheduler,
            self.laws,
            is_disk=is_disk,
            has_digests=has_digests,
            is_conditional=is_conditional,
            shuffles=chance.random() < 0.3,
        )
        self.endings: list[str] = []
        self._skips = {"A": chance.random() < 0.15, "B": chance.random() < 0.5}
        self._tries = {"A": 0, "B": 0}
        self._has_twins = chance.random() < 0.1
        self._varies = chance.random() < 0.6

    def run(self) -> Result:
        """Run the order to its end or to the first violation."""
        violation = None
        in_parallel = parallel_in(self.scheduler)
        with (
            patch.object(secrets, "token_hex", self._token),
            patch.object(LOG, "disabled", True),
            patch.object(publish, "in_parallel", in_parallel),
            patch.object(publish, "SharedCheck", lambda check: check),
            patch.object(publish, "StagedReader", partial(StagedReader, block=0)),
            patch.object(run, "in_parallel", in_parallel),
            patch.object(survey, "in_parallel", in_parallel),
        ):
            try:
                self._disturb()
                self._finish()
                if self.scheduler.wake_late():
                    self.scheduler.run(disturbed=True)
                    self._finish()
            except Violation as found:
                violation = found
            finally:
                self.scheduler.close()
        scheduler = self.scheduler
        digest = blake2b(scheduler.trace, digest_size=8).digest()
        return Result(self.seed, violation, scheduler.steps, scheduler.events, digest, self.endings)

    def _token(self, size: int = 16) -> str:
        return self.chance.randbytes(size).hex()

    def _disturb(self) -> None:
        for task in "AAAB" + "B" * self.chance.randint(0, 1):
            self._add(task, self._change(task))
        self.scheduler.run(disturbed=True)

    def _finish(self) -> None:
        for task in self.chance.sample("AB", 2):
            actor = self._add(task, self._change(task))
            self.scheduler.run(disturbed=False)
            if actor.error is not None:
                sentence = f"the undisturbed run {actor.name} ended with {actor.error}"
                raise Violation(EXPECTED_END, sentence)
        self.laws.check_end()

    def _change(self, task: str) -> str:
        """Draw in what a try's arguments differ from those of the task's first try."""
        if not self._varies or self.chance.random() < 0.5:
            return ""
        return self.chance.choice(list(CHANGES[task]))

    def _add(self, task: str, change: str) -> Actor:
        self._tries[task] += 1
        number = self._tries[task]
        # Rarely, the last two disturbed tries are two processes of one try.
        order = 2 if number == 3 and self._has_twins else number
        job = _job(task, change, order, skips=self._skips[task])
        actor = Actor(f"{task}{number}", task, order, lambda: None)
        actor.body = self._body(actor, job)
        self.scheduler.add(actor)
        if self.scheduler.story is not None:
            self.scheduler.story.append(
                f"       {actor.name:4s} exports {job.interval}, {change or 'as always'}"
            )
        return actor

    def _has_successor(self, actor: Actor) -> bool:
        """Return whether an attempt of its task has registered after it, or is that of a later try."""
        others = [
            each for each in self.scheduler.actors
            if each.task == actor.task and each is not actor and each.attempt is not None
        ]  # fmt: skip
        return any(
            each.registered_at > actor.registered_at or str(each.attempt) > str(actor.attempt)
            for each in others
        )

    def _body(self, actor: Actor, job: Job) -> Callable[[], None]:
        def run() -> None:
            try:
                ModelExport(job, None, model_store(self.bucket), now=self.vendor.now).run()
            except (SupersededError, IncompleteExportError) as error:
                actor.error = type(error).__name__
            except Exception as error:
                raise Violation(EXPECTED_END, f"{actor.name} ended with {error!r}") from error
            if actor.error == SupersededError.__name__ and not self._has_successor(actor):
                raise Violation(EXPECTED_END, f"{actor.name} stopped, but no newer attempt has registered")
            self.endings.append(actor.error or "success")
            self.scheduler.tell(f"... ends: {actor.error or 'success'}")

        return run
